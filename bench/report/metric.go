package report

// Better says which way a metric should go.
type Better int

// The ways that a metric can go.
const (
	Neither Better = iota
	Lower
	Higher
)

// Metric is a kind of figure.
type Metric struct {
	Name   string
	Title  string  // head of a column
	Unit   string  // in which it is shown, "" for none
	Scale  float64 // shown figure = value in seconds, bytes or counts × Scale
	Better Better
	About  string
}

const (
	micro = 1e6
	milli = 1e3
	kilo  = 1.0 / 1024
	mega  = kilo / 1024
)

// metrics are all that there are, in the order of explanations.
var metrics = []Metric{
	{"cpu_per_1000_requests", "CPU per 1,000 requests", "ms", milli, Lower, "CPU time, user and system, of the target's processes for 1,000 requests"},
	{"cpu_per_1000_events", "CPU per 1,000 events", "ms", milli, Lower, "CPU time of the target's processes for 1,000 events of streams"},
	{"added_cpu_per_1000_requests", "CPU added per 1,000 requests", "ms", milli, Lower, "CPU time beyond that of the router without policies in the same round"},
	{"system_share", "of it system", "%", 100, Neither, "part of the CPU time spent in the kernel"},
	{"busy", "busy", "%", 100, Neither, "CPU time of the target by that of its CPUs: at 100 it is what limits the rate"},
	{"requests_per_second", "requests/s", "", 1, Higher, "requests answered well"},
	{"events_per_second", "events/s", "", 1, Higher, "events of streams received"},
	{"added_p50", "added p50", "µs", micro, Lower, "median latency less the median without a target in between, in the same round"},
	{"added_p99", "added p99", "µs", micro, Lower, "the same at the 99th percentile"},
	{"p50", "p50", "µs", micro, Lower, "median latency, from when the request was meant to leave to the reply's last byte"},
	{"p90", "p90", "µs", micro, Lower, "90th percentile of latency"},
	{"p99", "p99", "µs", micro, Lower, "99th percentile of latency"},
	{"p999", "p99.9", "µs", micro, Lower, "99.9th percentile of latency"},
	{"max", "max", "ms", milli, Lower, "the slowest request"},
	{"first_token_p50", "first token p50", "ms", milli, Lower, "median time to the first event with content"},
	{"first_token_p99", "first token p99", "ms", milli, Lower, "99th percentile of it"},
	{"gap_p50", "gap p50", "ms", milli, Lower, "median time between two events of a stream"},
	{"gap_p99", "gap p99", "ms", milli, Lower, "99th percentile of it"},
	{"gap_max", "gap max", "ms", milli, Lower, "the longest time between two events"},
	{"memory_per_stream", "memory per stream", "KiB", kilo, Lower, "growth of the target's memory (RSS) over that of a fresh one, at the most streams, by stream"},
	{"memory_per_connection", "memory per connection", "KiB", kilo, Lower, "growth of the target's memory (RSS) over that of a fresh one, by idle connection"},
	{"cpu_idle", "CPU while idle", "ms/s", milli, Lower, "CPU time a second while nothing happens"},
	{"peak_rss", "peak memory", "MiB", mega, Lower, "the most memory (RSS) that the target had, its processes summed"},
	{"rss", "memory", "MiB", mega, Lower, "memory (RSS) of the target"},
	{"files", "open files", "", 1, Neither, "file descriptors of the target"},
	{"connections", "connections", "", 1, Neither, "connections that were open"},
	{"reloads", "reloads", "", 1, Neither, "generations that the router went through"},
	{"seen_p50", "seen after, p50", "ms", milli, Lower, "median time from a client's hanging up until the service saw it"},
	{"seen_max", "seen after, max", "ms", milli, Lower, "the longest time until the service saw it"},
	{"unseen", "not seen", "", 1, Lower, "hang-ups that the service had not seen when the scenario stopped waiting"},
	{"errors", "errors", "", 1, Lower, "requests that failed, or whose reply was not whole"},
	{"settle", "settled after", "s", 1, Lower, "time from the fault to the end of the last request that it failed or held up"},
	{"held_up", "held up", "", 1, Lower, "requests that were answered well, after more than a quarter of a second"},
	{"return", "returned after", "s", 1, Lower, "time from the service's recovery until it gets requests again"},
	{"hook_calls", "calls", "", 1, Neither, "calls of the hook"},
	{"hook_time", "time", "µs", micro, Lower, "mean time of one call, of those that the router timed"},
	{"hook_fuel", "fuel", "", 1, Lower, "mean fuel of one call, about one for each instruction"},
	{"allocations", "allocations", "", 1, Lower, "heap objects that the router allocates for one request, whatever for"},
	{"late", "sent late", "%", 100, Lower, "requests that the generator sent over a millisecond late, for want of CPU or connections"},
}

// metric returns the metric of that name; one that is unknown is shown as it is.
func metric(name string) Metric {
	for _, m := range metrics {
		if m.Name == name {
			return m
		}
	}
	return Metric{Name: name, Title: name, Scale: 1}
}

// KnownMetric says that there is a metric of that name.
func KnownMetric(name string) bool { return metric(name).About != "" }

// Head is the metric's title with its unit.
func (m Metric) Head() string {
	if m.Unit == "" {
		return m.Title
	}
	return m.Title + ", " + m.Unit
}
