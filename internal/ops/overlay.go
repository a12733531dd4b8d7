package ops

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	opsv1alpha1 "github.com/matriarchdb/matriarch/api/ops/v1alpha1"
	"github.com/matriarchdb/matriarch/internal/database"
)

// Keys of spec.configuration of a request, and of a database.
const (
	keyApply  = "applyConfig"
	keyRemove = "removeCustomConfig"
	keySecret = "configSecret"
	keyMode   = "restart"
)

// sectionOf is spec.configuration of a request as a map, so that what only one kind has is carried along unseen.
func sectionOf(request opsv1alpha1.OpsRequest) (map[string]any, error) {
	text, err := json.Marshal(request)
	if err != nil {
		return nil, err
	}
	var whole struct {
		Spec struct {
			Configuration map[string]any `json:"configuration"`
		} `json:"spec"`
	}
	if err := json.Unmarshal(text, &whole); err != nil {
		return nil, err
	}
	if len(whole.Spec.Configuration) == 0 {
		return nil, errors.New("the request has no section")
	}
	return whole.Spec.Configuration, nil
}

// together lays a younger request over what the older ones ask for. It returns false if they do not go together: they
// differ in how they are to be carried out, or both have something that this engine cannot merge.
func (run *run) together(first, next opsv1alpha1.OpsRequest, older map[string]any) (map[string]any, bool) {
	younger, err := sectionOf(next)
	always := func(r opsv1alpha1.OpsRequest) bool { return r.Base().Apply == opsv1alpha1.ApplyAlways }
	if err != nil || always(first) != always(next) || mode(older) != mode(younger) {
		return nil, false
	}
	if younger[keyRemove] == true { // which drops everything before it
		return younger, true
	}
	out := maps.Clone(older)
	for name, value := range younger {
		_, both := older[name]
		switch name {
		case keySecret, keyRemove, keyMode:
			out[name] = value
		case keyApply:
			if out[name], err = run.files(older[name], value); err != nil {
				return nil, false
			}
		default:
			if both {
				return nil, false
			}
			out[name] = value
		}
	}
	return out, true
}

func mode(section map[string]any) any {
	if m := section[keyMode]; m != nil && m != "" {
		return m
	}
	return string(opsv1alpha1.ReconfigureRestartAuto)
}

// files merges settings of younger files over older ones, key by key. How, only the kind knows: both are applied, one
// after the other, to a database without any configuration, and what that has then is the result.
func (run *run) files(older, younger any) (map[string]string, error) {
	kind, ok := database.AsReconfigurer(run.r.kind)
	if !ok {
		return nil, fmt.Errorf("a %s cannot be reconfigured", run.r.info.Kind)
	}
	in, err := database.WithVersion(run.r.kind, run.r.kind.New(), run.database.Spec().Version)
	if err != nil {
		return nil, err
	}
	names := map[string]bool{}
	for _, part := range []any{older, younger} {
		apply, err := texts(part)
		if err != nil {
			return nil, err
		}
		if len(apply) == 0 {
			continue
		}
		for name := range apply {
			names[name] = true
		}
		if in, err = kind.Reconfigure(in, database.ConfigChange{Apply: apply}); err != nil {
			return nil, err
		}
	}
	merged, err := inlineOf(in)
	if err == nil && !slices.Equal(slices.Sorted(maps.Keys(merged)), slices.Sorted(maps.Keys(names))) {
		err = fmt.Errorf("merging the files %v gave %v", names, merged)
	}
	return merged, err
}

func texts(part any) (map[string]string, error) {
	text, err := json.Marshal(part)
	if err != nil {
		return nil, err
	}
	var files map[string]string
	return files, json.Unmarshal(text, &files)
}

// inlineOf is spec.configuration.inline of a database, which every kind has.
func inlineOf(in database.Instance) (map[string]string, error) {
	text, err := json.Marshal(in.Object())
	if err != nil {
		return nil, err
	}
	var whole struct {
		Spec struct {
			Configuration struct {
				Inline map[string]string `json:"inline"`
			} `json:"configuration"`
		} `json:"spec"`
	}
	return whole.Spec.Configuration.Inline, json.Unmarshal(text, &whole)
}
