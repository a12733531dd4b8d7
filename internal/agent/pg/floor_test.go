package pg

import (
	"slices"
	"testing"

	"github.com/matriarchdb/matriarch/internal/conf"
)

func TestTheOrderOfRestartsFollowsFromThePrimarysValues(t *testing.T) {
	t.Parallel()
	for reason, test := range map[string]struct {
		files         map[string]string
		pending       []string
		after, before []string
	}{
		"nothing waits":                      {map[string]string{"max_connections": "50"}, nil, nil, nil},
		"less than the primary has":          {map[string]string{"max_connections": "50"}, []string{"max_connections"}, []string{"max_connections"}, nil},
		"more than the primary has":          {map[string]string{"max_connections": "150"}, []string{"max_connections"}, nil, []string{"max_connections"}},
		"what the primary has":               {map[string]string{"max_connections": "100"}, []string{"max_connections"}, nil, nil},
		"less and more":                      {map[string]string{"max_connections": "50", "max_wal_senders": "20"}, []string{"max_connections", "max_wal_senders"}, []string{"max_connections"}, []string{"max_wal_senders"}},
		"not set: the default is less":       {nil, []string{"max_prepared_transactions"}, []string{"max_prepared_transactions"}, nil},
		"a parameter that standbys need not": {map[string]string{"shared_buffers": "1MB"}, []string{"shared_buffers"}, nil, nil},
	} {
		t.Run(reason, func(t *testing.T) {
			t.Parallel()
			s := &Server{Programs: Programs{Version: "16.4", Major: 16}, settings: conf.NewSettings(conf.IgnoreCase)}
			for name, value := range test.files {
				s.settings.Set(name, value)
			}
			s.floor.values = map[string]int64{"max_connections": 100, "max_wal_senders": 10, "max_prepared_transactions": 5}
			after, before := s.RestartOrder(test.pending)
			if !slices.Equal(after, test.after) || !slices.Equal(before, test.before) {
				t.Errorf("after the primary %v, before it %v; want %v, %v", after, before, test.after, test.before)
			}
		})
	}
}

func TestAHeldParameterWaitsUntilTheFilesAskForAsMuch(t *testing.T) {
	t.Parallel()
	s := &Server{Programs: Programs{Version: "16.4", Major: 16}, held: map[string]int64{"max_connections": 100}}
	for value, want := range map[string]bool{"50": true, "99": true, "100": false, "120": false} {
		s.settings = conf.NewSettings(conf.IgnoreCase, conf.Setting{Name: "Max_Connections", Value: value})
		if got := len(s.Held()) == 1; got != want {
			t.Errorf("max_connections = %s: held is %v, want %v", value, got, want)
		}
	}
}
