package admin

import "github.com/infinirouter/infinirouter/plugins"

// Policy is one policy as /policies shows it.
type Policy struct {
	Name    string
	OnError string
	Stats   plugins.Stats
}

type policyRow struct {
	Name          string    `json:"name"`
	Plugin        string    `json:"plugin"`
	SHA256        string    `json:"sha256"`
	Size          int64     `json:"size"`
	OnError       string    `json:"on_error"`
	Grants        []string  `json:"grants"`
	Calls         uint64    `json:"calls"`
	Traps         uint64    `json:"traps"` // failures of every kind
	Instances     int       `json:"instances"`
	InstancesMade uint64    `json:"instances_made"`
	Breaker       string    `json:"breaker"`
	LastError     string    `json:"last_error,omitempty"`
	InitFuel      uint64    `json:"init_fuel"` // of the latest instance
	InitFuelLimit uint64    `json:"init_fuel_limit"`
	Hooks         []hookRow `json:"hooks"`
}

type hookRow struct {
	Hook          string            `json:"hook"`
	Calls         uint64            `json:"calls"`
	Failures      uint64            `json:"failures"`
	ByKind        map[string]uint64 `json:"failures_by_kind"`
	Refused       uint64            `json:"refused"` // not called: the breaker was open
	AverageFuel   float64           `json:"average_fuel"`
	MaxFuel       uint64            `json:"max_fuel"`
	RecentMaxFuel uint64            `json:"recent_max_fuel"` // of the last one to two minutes
	LastFuel      uint64            `json:"last_fuel"`
	FuelLimit     uint64            `json:"fuel_limit"`
	AverageTime   float64           `json:"average_time"` // seconds
}

// Policies is the page /policies.
func Policies(generation uint64, policies []Policy) []byte {
	rows := make([]policyRow, 0, len(policies))
	for i := range policies {
		rows = append(rows, rowOf(&policies[i]))
	}
	return encode(struct {
		Generation uint64      `json:"generation"`
		Policies   []policyRow `json:"policies"`
	}{generation, rows})
}

func rowOf(p *Policy) policyRow {
	s := &p.Stats
	r := policyRow{
		Name: p.Name, Plugin: s.Plugin, SHA256: s.SHA256, Size: s.Size, OnError: p.OnError,
		Grants: append([]string{}, s.Grants...), Instances: s.Instances, InstancesMade: s.InstancesMade,
		Breaker: "closed", LastError: s.LastError, InitFuel: s.InitFuel, InitFuelLimit: s.InitFuelLimit,
		Hooks: []hookRow{},
	}
	if s.BreakerOpen {
		r.Breaker = "open"
	}
	for _, h := range s.Hooks {
		r.Calls += h.Calls
		r.Traps += h.Failures
		row := hookRow{
			Hook: h.Hook.String(), Calls: h.Calls, Failures: h.Failures, ByKind: map[string]uint64{}, Refused: h.Refused,
			AverageFuel: ratio(float64(h.Fuel), h.Calls), MaxFuel: h.FuelMax, RecentMaxFuel: h.FuelRecentMax,
			LastFuel: h.FuelLast, FuelLimit: h.FuelLimit, AverageTime: ratio(h.Time.Seconds(), h.Timed),
		}
		for kind, n := range h.ByKind {
			row.ByKind[string(kind)] = n
		}
		r.Hooks = append(r.Hooks, row)
	}
	return r
}

func ratio(total float64, n uint64) float64 {
	if n == 0 {
		return 0
	}
	return total / float64(n)
}
