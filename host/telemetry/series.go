package telemetry

import (
	"maps"
	"strings"
	"sync"
	"sync/atomic"
)

// Bounds of what becomes a label. Over them, things count as "other".
const (
	maxNames      = 200  // of each: routes, models, services
	maxSeries     = 1000 // combinations of the three that occur
	maxLabelBytes = 128
	otherName     = "other"
)

// seriesKey is a route, model and service as the record has them.
type seriesKey struct{ route, model, service string }

// seriesTable finds the counters of an exchange. Readers load one map; a
// writer, rare once a router runs, puts a copy in its place.
type seriesTable struct {
	table   atomic.Pointer[map[seriesKey]*series]
	mu      sync.Mutex // of what follows, and of storing table
	routes  nameSet
	models  nameSet
	servers nameSet
}

// find returns the record's counters, made when need be. It does not allocate
// for what was seen before.
func (t *seriesTable) find(r *Record, v *vectors) *series {
	model := r.Model
	if r.Service == "" {
		model = nil // nobody vouched for it, so it may be anything
	}
	if table := t.table.Load(); table != nil {
		if s := (*table)[seriesKey{r.Route, string(model), r.Service}]; s != nil {
			return s
		}
	}
	return t.add(seriesKey{r.Route, string(model), r.Service}, v)
}

func (t *seriesTable) add(k seriesKey, v *vectors) *series {
	t.mu.Lock()
	defer t.mu.Unlock()
	var table map[seriesKey]*series
	if p := t.table.Load(); p != nil {
		table = *p
	}
	k = seriesKey{t.routes.admit(k.route), t.models.admit(k.model), t.servers.admit(k.service)}
	if table[k] == nil && len(table) >= maxSeries {
		k = seriesKey{otherName, otherName, otherName}
	}
	if s := table[k]; s != nil {
		return s
	}
	s := newSeries(k, v)
	grown := make(map[seriesKey]*series, len(table)+1)
	maps.Copy(grown, table)
	grown[k] = s
	t.table.Store(&grown)
	return s
}

func newSeries(k seriesKey, v *vectors) *series {
	s := &series{labels: [3]string{labelValue(k.route), labelValue(k.model), labelValue(k.service)}}
	s.duration = v.duration.WithLabelValues(s.labels[:]...)
	s.bytesIn = v.bytes.WithLabelValues(s.labels[0], s.labels[1], s.labels[2], "in")
	s.bytesOut = v.bytes.WithLabelValues(s.labels[0], s.labels[1], s.labels[2], "out")
	return s
}

// nameSet lets a number of names in and calls the others "other".
type nameSet struct{ seen map[string]struct{} }

func (n *nameSet) admit(name string) string {
	if _, ok := n.seen[name]; ok || name == "" {
		return name
	}
	if len(n.seen) >= maxNames {
		return otherName
	}
	if n.seen == nil {
		n.seen = map[string]struct{}{}
	}
	n.seen[name] = struct{}{}
	return name
}

// labelValue makes s short valid UTF-8, without which a label is refused.
func labelValue(s string) string {
	if len(s) > maxLabelBytes {
		s = s[:maxLabelBytes]
	}
	return strings.ToValidUTF8(s, "\ufffd")
}
