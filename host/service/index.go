package service

import (
	"cmp"
	"slices"

	"github.com/infinirouter/infinirouter/host/openai"
)

// index is what a set knows about models at one count of changes. Immutable.
type index struct {
	at      uint64
	models  []openai.Model    // of services that take requests, sorted by id
	byModel map[string]*entry // of all services
}

// entry is one model.
type entry struct {
	serving []*Service // those that take requests, in configuration order
}

// current returns the index, rebuilt first if something has changed. Backends
// count a change after they made it, so whoever sees the old count may see an
// index of before the change, and whoever sees the new one never does.
func (s *Set) current() *index {
	if x := s.index.Load(); x != nil && x.at == s.fleet.changed.Load() {
		return x
	}
	s.indexing.Lock()
	defer s.indexing.Unlock()
	at := s.fleet.changed.Load()
	if x := s.index.Load(); x != nil && x.at == at {
		return x
	}
	if pardon(s.all) {
		at = s.fleet.changed.Load()
	}
	x := buildIndex(s.all)
	x.at = at
	s.index.Store(x)
	return x
}

func buildIndex(all []*Service) *index {
	x := &index{byModel: make(map[string]*entry)}
	for _, service := range all {
		takes := service.passes() && service.standing() != ejected
		for _, m := range service.Models() {
			e := x.byModel[m.ID]
			if e == nil {
				e = &entry{}
				x.byModel[m.ID] = e
			}
			if !takes {
				continue
			}
			if len(e.serving) == 0 {
				x.models = append(x.models, m)
			}
			e.serving = append(e.serving, service)
		}
	}
	slices.SortFunc(x.models, func(a, b openai.Model) int { return cmp.Compare(a.ID, b.ID) })
	return x
}

// pardon ends the ejections of services without which a model would have none:
// requests that fail now and then are better than 503 for all. It reports
// whether there were any.
func pardon(all []*Service) bool {
	var out []*Service
	served := map[string]bool{} // by a service that is in
	for _, service := range all {
		switch {
		case !service.passes():
		case service.standing() != in:
			out = append(out, service)
		default:
			for _, m := range service.Models() {
				served[m.ID] = true
			}
		}
	}
	pardoned := false
	for _, service := range out {
		for _, m := range service.Models() {
			if !served[m.ID] {
				service.pardon(m.ID)
				pardoned = true
				break
			}
		}
	}
	return pardoned
}
