package sdktest

import (
	"maps"
	"strconv"
	"time"
)

// World is what outlives an exchange: the key-value store and the metrics. Its
// methods are those that the router's own have, so that a .wasm can be given it.
type World struct {
	Store   Store
	Metrics Metrics
}

func newWorld(c *Case) *World {
	return &World{Store: Store{values: maps.Clone(c.KV)}, Metrics: Metrics{}}
}

// Store is a key-value store in which nothing expires. It knows one policy,
// and so ignores the scope.
type Store struct{ values map[string]string }

// Get appends the value at key to dst.
func (s *Store) Get(dst []byte, _ string, key []byte) ([]byte, bool, error) {
	v, ok := s.values[string(key)]
	return append(dst, v...), ok, nil
}

// Set puts a value.
func (s *Store) Set(_ string, key, value []byte, _ time.Duration) error {
	if s.values == nil {
		s.values = map[string]string{}
	}
	s.values[string(key)] = string(value)
	return nil
}

// Add adds to an integer; what is none counts as 0.
func (s *Store) Add(scope string, key []byte, delta int64, ttl time.Duration) (int64, error) {
	n, _ := strconv.ParseInt(s.values[string(key)], 10, 64)
	n += delta
	return n, s.Set(scope, key, strconv.AppendInt(nil, n, 10), ttl)
}

// Metrics are sums by name, label included.
type Metrics map[string]float64

// PolicyMetricAdd adds to a metric.
func (m Metrics) PolicyMetricAdd(_, name string, value float64) { m[name] += value }
