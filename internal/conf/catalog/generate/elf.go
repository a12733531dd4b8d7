package main

import (
	"bytes"
	"debug/elf"
	"encoding/binary"
	"fmt"
	"math"
)

// image is a program as it would lie in memory at address 0, with the relative
// relocations applied to what its pointers point at.
type image struct {
	segments []segment
	data     []segment // the writable ones: tables of pointers are there
	pointers map[uint64]uint64
}

type segment struct {
	start uint64
	bytes []byte
}

func openImage(path string) (*image, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if file.Machine != elf.EM_X86_64 {
		return nil, fmt.Errorf("made for %s; only amd64 programs can be read", file.Machine)
	}
	m := &image{pointers: map[uint64]uint64{}}
	for _, p := range file.Progs {
		if p.Type != elf.PT_LOAD {
			continue
		}
		content := make([]byte, p.Memsz)
		if _, err := p.ReadAt(content[:p.Filesz], 0); err != nil {
			return nil, err
		}
		m.segments = append(m.segments, segment{p.Vaddr, content})
		if p.Flags&elf.PF_W != 0 {
			m.data = append(m.data, segment{p.Vaddr, content})
		}
	}
	relocations := file.Section(".rela.dyn")
	if relocations == nil {
		return m, nil
	}
	entries, err := relocations.Data()
	if err != nil {
		return nil, err
	}
	for ; len(entries) >= 24; entries = entries[24:] {
		if elf.R_X86_64(binary.LittleEndian.Uint32(entries[8:])) == elf.R_X86_64_RELATIVE {
			m.pointers[binary.LittleEndian.Uint64(entries)] = binary.LittleEndian.Uint64(entries[16:])
		}
	}
	return m, nil
}

// at returns the bytes from addr on, nil outside of the program.
func (m *image) at(addr uint64) []byte {
	for _, s := range m.segments {
		if addr >= s.start && addr-s.start < uint64(len(s.bytes)) {
			return s.bytes[addr-s.start:]
		}
	}
	return nil
}

// writable says whether addr lies in a part of the program that can change.
func (m *image) writable(addr uint64) bool {
	for _, s := range m.data {
		if addr >= s.start && addr-s.start < uint64(len(s.bytes)) {
			return true
		}
	}
	return false
}

func (m *image) uint64(addr uint64) uint64 {
	if b := m.at(addr); len(b) >= 8 {
		return binary.LittleEndian.Uint64(b)
	}
	return 0
}

func (m *image) int32(addr uint64) int32 { return int32(uint32(m.uint64(addr))) }

func (m *image) float64(addr uint64) float64 { return math.Float64frombits(m.uint64(addr)) }

// pointer returns what the pointer at addr points at, 0 for NULL. Pointers with
// packed relocations hold their target in place.
func (m *image) pointer(addr uint64) uint64 {
	if target, ok := m.pointers[addr]; ok {
		return target
	}
	return m.uint64(addr)
}

// text returns the C string that the pointer at addr points at.
func (m *image) text(addr uint64) (text string, ok bool) {
	target := m.pointer(addr)
	if target == 0 {
		return "", false
	}
	b := m.at(target)
	end := bytes.IndexByte(b, 0)
	if end < 0 {
		return "", false
	}
	return string(b[:end]), true
}
