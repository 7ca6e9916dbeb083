package engine

import "math"

// Figures are what one page of metrics says. A signal that it lacks is NaN.
type Figures struct {
	Engine   string  // whose names they have: "vllm", "sglang"...; "" for none
	Running  float64 // requests in the batch
	Waiting  float64 // requests in the queue
	CacheUse float64 // of the cache of keys and values, 0 to 1
}

// Missing names the signals that the page lacks.
func (f Figures) Missing() []string {
	var list []string
	for _, s := range []struct {
		name  string
		value float64
	}{{"running", f.Running}, {"waiting", f.Waiting}, {"cache_use", f.CacheUse}} {
		if math.IsNaN(s.value) {
			list = append(list, s.name)
		}
	}
	return list
}

// Known reports whether the page has any signal.
func (f Figures) Known() bool { return f.Engine != "" }

// Load is one number for how busy the engine is, in requests. A request that
// waits counts three times, because it says that no more fit; and from 80 % on a
// filling cache adds to it, up to twice as much, because requests will be put
// back to wait.
func (f Figures) Load() float64 { return (orZero(f.Running) + 3*orZero(f.Waiting)) * f.Pressure() }

// Pressure is the part of Load that comes of the cache: 1 to 2.
func (f Figures) Pressure() float64 {
	return 1 + max(0, orZero(f.CacheUse)-0.8)*5
}

func orZero(f float64) float64 {
	if math.IsNaN(f) {
		return 0
	}
	return f
}
