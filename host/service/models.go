package service

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/infinirouter/infinirouter/host/openai"
)

// modelList is an immutable list of models with its set of ids.
type modelList struct {
	list []openai.Model
	ids  map[string]struct{}
}

var noModels = &modelList{}

// newModelList takes the slice over. Of models with one id the first counts.
func newModelList(models []openai.Model) *modelList {
	l := &modelList{list: models[:0:0], ids: make(map[string]struct{}, len(models))}
	for _, m := range models {
		if _, twice := l.ids[m.ID]; twice || m.ID == "" {
			continue
		}
		l.ids[m.ID] = struct{}{}
		l.list = append(l.list, m)
	}
	return l
}

// fixedModels builds the objects for models that router.toml names.
func fixedModels(names []string, service string, created time.Time) *modelList {
	models := make([]openai.Model, 0, len(names))
	for _, name := range names {
		raw, err := json.Marshal(struct {
			ID      string `json:"id"`
			Object  string `json:"object"`
			Created int64  `json:"created"`
			OwnedBy string `json:"owned_by"`
		}{name, "model", created.Unix(), service})
		if err != nil {
			panic("service: strings and a number do not marshal: " + err.Error())
		}
		models = append(models, openai.Model{ID: name, Raw: raw})
	}
	return newModelList(models)
}

// equal reports whether both lists have the same objects in the same order.
func (l *modelList) equal(o *modelList) bool {
	if len(l.list) != len(o.list) {
		return false
	}
	for i := range l.list {
		if l.list[i].ID != o.list[i].ID || !bytes.Equal(l.list[i].Raw, o.list[i].Raw) {
			return false
		}
	}
	return true
}

// sameIDs reports whether both lists name the same models.
func (l *modelList) sameIDs(o *modelList) bool {
	if len(l.ids) != len(o.ids) {
		return false
	}
	for id := range l.ids {
		if _, ok := o.ids[id]; !ok {
			return false
		}
	}
	return true
}
