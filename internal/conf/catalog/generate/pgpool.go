package main

import (
	"fmt"
	"regexp"
	"strconv"

	"github.com/matriarchdb/matriarch/internal/conf/catalog/table"
)

// Pgpool-II's table of parameters cannot be had from a running server: SHOW
// POOL_STATUS tells neither context nor range. But it lies in the program as
// arrays of struct config_bool, config_int … (pool_config_variables.h), which
// are recognized by the struct config_generic that each begins with.
const (
	offName, offContext, offGroup, offText, offType, offFamily, offFlags, offMembers, offStatus = 0, 8, 12, 16, 24, 28, 32, 36, 40

	genericSize = 72
)

// config_type
const (
	typeBool = iota
	typeInt
	typeLong
	typeDouble
	typeString
	typeStringList
	typeEnum
	typeIntArray
	typeDoubleArray
	typeStringArray
	typeGroup
)

var (
	contexts      = []string{"BOOT", "INIT", "RELOAD", "PCP", "SESSION"}
	parameterName = regexp.MustCompile(`^[a-z][A-Za-z0-9_]{2,}$`)
)

func pgpoolFacts(program string) ([]table.Facts, error) {
	m, err := openImage(program)
	if err != nil {
		return nil, err
	}
	families := map[string]bool{}
	var all []table.Facts
	for _, data := range m.data {
		for addr := (data.start + 7) &^ 7; addr+genericSize < data.start+uint64(len(data.bytes)); addr += 8 {
			f, ok := m.parameter(addr)
			if !ok || families[f.Name] {
				continue // or the record, inside its array's, of a family's bare name
			}
			families[f.Name] = f.Members > 0
			all = append(all, f)
		}
	}
	if len(all) < 100 {
		return nil, fmt.Errorf("found %d parameters only: is this pgpool?", len(all))
	}
	return all, nil
}

// parameter reads the record at addr if there is one.
func (m *image) parameter(addr uint64) (f table.Facts, ok bool) {
	name, ok := m.text(addr + offName)
	if !ok || !parameterName.MatchString(name) {
		return f, false
	}
	context, kind := m.int32(addr+offContext), m.int32(addr+offType)
	if !m.isGeneric(addr) || kind < 0 || kind >= typeGroup {
		return f, false
	}
	f = table.Facts{Name: name, Context: contexts[context]}
	f.Unit = unit(m.int32(addr + offFlags))
	kind = m.trueType(kind, addr+genericSize)
	if m.at(addr + offFamily)[0] != 0 {
		f.Members = int(m.int32(addr + offMembers))
		_, f.Bare = m.text(addr + offBare(kind))
	}
	m.value(&f, kind, addr+genericSize)
	return f, true
}

// trueType corrects the type where the record says another than that of the
// array it stands in; Pgpool-II itself goes by the array (build_config_variables).
func (m *image) trueType(kind int32, at uint64) int32 {
	_, options := m.text(m.pointer(at + 16))
	switch {
	case kind == typeBool && options:
		return typeEnum
	case kind == typeEnum && !options:
		return typeBool
	case kind == typeString && m.writable(m.pointer(at+8)):
		return typeStringList // the default is constant, the list's counter is not
	}
	return kind
}

// offBare is where a family's record holds that of its bare name, whose first
// field is NULL if there is none.
func offBare(kind int32) uint64 {
	switch kind {
	case typeIntArray:
		return genericSize + 24
	case typeDoubleArray:
		return genericSize + 32
	}
	return genericSize + 16
}

// isGeneric checks what every struct config_generic has in the program file: a
// description, values within their enums, and zeros in what is only set at run
// time.
func (m *image) isGeneric(addr uint64) bool {
	text, ok := m.text(addr + offText)
	context, group := m.int32(addr+offContext), m.int32(addr+offGroup)
	if !ok || text == "" || context < 1 || int(context) >= len(contexts) || group < 0 || group > 20 {
		return false
	}
	for at := addr + offStatus; at < addr+genericSize; at += 8 {
		if m.pointer(at) != 0 {
			return false
		}
	}
	return m.at(addr + offFamily)[0] <= 1
}

// value reads what follows the generic part: a pointer to the variable, then
// default, bounds or allowed words, depending on the type.
func (m *image) value(f *table.Facts, kind int32, at uint64) {
	at += 8
	f.HasDefault = true
	number := func(v int64) string { return strconv.FormatInt(v, 10) }
	switch kind {
	case typeBool:
		f.Kind, f.Default = "bool", "off"
		if m.at(at)[0] != 0 {
			f.Default = "on"
		}
	case typeInt, typeIntArray:
		f.Kind = "int"
		f.Default, f.Min, f.Max = number(int64(m.int32(at))), number(int64(m.int32(at+4))), number(int64(m.int32(at+8)))
	case typeLong:
		f.Kind = "int"
		f.Default, f.Min, f.Max = number(int64(m.uint64(at))), number(int64(m.uint64(at+8))), number(int64(m.uint64(at+16)))
	case typeDouble, typeDoubleArray:
		f.Kind = "real"
		real := func(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }
		f.Default, f.Min, f.Max = real(m.float64(at)), real(m.float64(at+8)), real(m.float64(at+16))
	case typeString, typeStringArray:
		f.Kind = "string"
		f.Default, f.HasDefault = m.text(at)
	case typeStringList:
		f.Kind = "string"
		f.Default, f.HasDefault = m.text(at + 8)
	case typeEnum:
		f.Kind = "enum"
		m.words(f, m.int32(at), m.pointer(at+8))
	}
}

// words reads the array of struct config_enum_entry that options points at.
func (m *image) words(f *table.Facts, boot int32, options uint64) {
	for ; ; options += 16 {
		word, ok := m.text(options)
		if !ok {
			return
		}
		f.Values = append(f.Values, word)
		if m.int32(options+8) == boot && f.Default == "" {
			f.Default = word
		}
	}
}

func unit(flags int32) string {
	switch {
	case flags&0xF000 == 0x1000:
		return "kB"
	case flags&0xF000 == 0x4000:
		return "MB"
	case flags&0xF000 == 0x8000:
		return "B"
	case flags&0xF0000 == 0x10000:
		return "ms"
	case flags&0xF0000 == 0x20000:
		return "s"
	case flags&0xF0000 == 0x30000:
		return "min"
	}
	return ""
}
