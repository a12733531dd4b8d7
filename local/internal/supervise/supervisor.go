// Package supervise keeps the cluster's processes running. A supervisor serves
// a socket in the state folder; it is asked to put a component into place or to
// stop it, and starts what crashes. It may be killed at any time: its processes
// go on, and the next supervisor adopts them by their records.
package supervise

import (
	"fmt"
	"strconv"
	"sync"

	"github.com/matriarchdb/matriarch/local/internal/component"
	"github.com/matriarchdb/matriarch/local/internal/layout"
	"github.com/matriarchdb/matriarch/local/internal/process"
)

// Status is what is known of a component.
type Status struct {
	Name     string           `json:"name"`
	Running  bool             `json:"running"`
	Identity process.Identity `json:"identity"`
	Restarts int              `json:"restarts"`
	Digest   string           `json:"digest"`
	LastExit string           `json:"lastExit,omitempty"`
}

// Supervisor holds the components of one cluster.
type Supervisor struct {
	state   layout.State
	records process.Records
	// joinFile is the file to which a process writes its pid to join a cgroup.
	joinFile func(cgroup string) string

	mutex sync.Mutex
	units map[string]*unit
}

// New adopts whatever an earlier supervisor has left running.
func New(state layout.State, joinFile func(cgroup string) string) (*Supervisor, error) {
	s := &Supervisor{
		state: state, records: process.Records(state.Records()), joinFile: joinFile, units: map[string]*unit{},
	}
	records, err := s.records.List()
	if err != nil {
		return nil, err
	}
	for _, record := range records {
		unit := &unit{supervisor: s}
		unit.adopt(record)
		s.units[record.Spec.Name] = unit
	}
	return s, nil
}

func (s *Supervisor) unit(name string) *unit {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.units[name] == nil {
		s.units[name] = &unit{supervisor: s}
	}
	return s.units[name]
}

// Put makes a component run as its spec says.
func (s *Supervisor) Put(spec component.Spec) (Status, error) {
	unit := s.unit(spec.Name)
	if err := unit.put(spec); err != nil {
		return Status{}, err
	}
	return unit.status(), nil
}

// Stop ends a component and forgets it.
func (s *Supervisor) Stop(name string) error {
	if err := s.unit(name).stop(); err != nil {
		return err
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.units, name)
	return nil
}

// List is the status of every component.
func (s *Supervisor) List() []Status {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	list := make([]Status, 0, len(s.units))
	for _, unit := range s.units {
		list = append(list, unit.status())
	}
	return list
}

// enter waits for the gate (see unit.start), joins the cgroup and becomes the
// program; every step keeps the pid.
const enter = `read -r go <&3 || exit 1; exec 3<&-; echo $$ >"$0" && exec "$@"`

// argv is the full command line of a component: its own, wrapped in what puts
// it into its cgroup and its namespaces.
func (s *Supervisor) argv(spec component.Spec) ([]string, error) {
	argv := []string{"/bin/sh", "-c", enter, s.joinFile(spec.Cgroup)}
	if spec.Within != "" {
		holder := s.unit(spec.Within)
		if !holder.isRunning() {
			return nil, fmt.Errorf("its namespaces are gone, because %s does not run: run matriarch-local up", spec.Within)
		}
		pid := holder.status().Identity.PID
		argv = append(argv, "nsenter", "--target", strconv.Itoa(pid), "--net", "--mount", "--")
	}
	return append(argv, spec.Argv...), nil
}
