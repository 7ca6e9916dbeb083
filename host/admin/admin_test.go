package admin

import (
	"errors"
	"testing"
	"time"

	"github.com/infinirouter/infinirouter/plugins"
	"github.com/infinirouter/infinirouter/sdk/abi"
)

// The pages are what clients and dashboards parse: their bytes are the test.
func TestPages(t *testing.T) {
	at := time.Date(2024, 1, 15, 11, 30, 0, 5, time.FixedZone("", 3600))
	half := 0.5
	services := []Service{
		{Name: "a", URL: "http://h:1", Healthy: true, Models: []string{"m"}, Weight: 1, Labels: map[string]string{"tier": "gold"}, Requests: 150, ResponseTime: 0.123, InFlight: 2, State: "healthy", Share: 1, Load: &Load{Engine: "vllm", Running: new(float64), CacheUse: &half, Age: 0.5}},
		{Name: "b", URL: "http://h:2", Weight: 2, Errors: 1, ErrorRate: 0.5, State: "ejected", Reason: "no", Ejections: 3, EjectedUntil: at, Share: 0.1},
	}
	stats := plugins.Stats{
		Plugin: "a.wasm", SHA256: "ab", Size: 3, Grants: []string{"kv"}, Instances: 1, BreakerOpen: true, LastError: "no",
		InstancesMade: 9, InitFuel: 11, InitFuelLimit: 12,
		Hooks: []plugins.HookStats{{
			Hook: abi.OnRequest, Calls: 4, Failures: 1, ByKind: map[plugins.FailureKind]uint64{plugins.FailureFuel: 1}, Refused: 5,
			Fuel: 40, FuelLast: 6, FuelMax: 20, FuelRecentMax: 15, FuelLimit: 100, Time: time.Second, Timed: 2,
		}, {Hook: abi.OnDone}},
	}
	health, _ := Health(services, at)
	for name, page := range map[string]struct {
		got  []byte
		want string
	}{
		"health":      {health, `{"status":"healthy","router":"running","healthy_services":"1/2","timestamp":"2024-01-15T10:30:00"}`},
		"services":    {Services(services), `{"services":[{"name":"a","url":"http://h:1","healthy":true,"models":["m"],"weight":1,"labels":{"tier":"gold"},"state":"healthy","ejections":0,"share":1,"in_flight":2,"load":{"engine":"vllm","running":0,"cache_use":0.5,"age":0.5}},{"name":"b","url":"http://h:2","healthy":false,"models":[],"weight":2,"state":"ejected","reason":"no","ejections":3,"ejected_until":"2024-01-15T10:30:00Z","share":0.1,"in_flight":0}],"total":2}`},
		"no services": {Services(nil), `{"services":[],"total":0}`},
		"stats":       {Stats(services), `{"total_services":2,"healthy_services":1,"services":[{"name":"a","healthy":true,"request_count":150,"error_count":0,"response_time":0.123,"error_rate":0,"in_flight":2},{"name":"b","healthy":false,"request_count":0,"error_count":1,"response_time":0,"error_rate":0.5,"in_flight":0}]}`},
		"policies": {Policies(7, []Policy{{Name: "p", OnError: "skip", Stats: stats}}), `{"generation":7,"policies":[{"name":"p","plugin":"a.wasm","sha256":"ab","size":3,"on_error":"skip","grants":["kv"],"calls":4,"traps":1,"instances":1,"instances_made":9,"breaker":"open","last_error":"no","init_fuel":11,"init_fuel_limit":12,"hooks":[` +
			`{"hook":"on_request","calls":4,"failures":1,"failures_by_kind":{"fuel":1},"refused":5,"average_fuel":10,"max_fuel":20,"recent_max_fuel":15,"last_fuel":6,"fuel_limit":100,"average_time":0.5},` +
			`{"hook":"on_done","calls":0,"failures":0,"failures_by_kind":{},"refused":0,"average_fuel":0,"max_fuel":0,"recent_max_fuel":0,"last_fuel":0,"fuel_limit":0,"average_time":0}]}]}`},
		"reloaded": {Reloaded(3, nil, []string{"w"}, []string{"u"}, nil), `{"ok":true,"generation":3,"changed":[],"warnings":["w"],"unused":["u"]}`},
		"refused":  {Reloaded(3, nil, nil, nil, errors.New("bad")), `{"ok":false,"generation":3,"changed":[],"error":"bad"}`},
	} {
		if string(page.got) != page.want {
			t.Errorf("%s:\n got  %s\n want %s", name, page.got, page.want)
		}
	}
}

func TestHealthNeedsOneHealthyService(t *testing.T) {
	for _, c := range []struct {
		services []Service
		healthy  bool
	}{
		{nil, true},
		{[]Service{{}}, false},
		{[]Service{{}, {Healthy: true}}, true},
	} {
		if _, healthy := Health(c.services, time.Now()); healthy != c.healthy {
			t.Errorf("%+v: %v", c.services, healthy)
		}
	}
}
