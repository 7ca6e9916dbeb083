//go:build unix

package fast

import (
	"encoding/json"
	"net/http"
	"strings"
)

// control answers all that is no completion. Below /fake/ are the controls,
// which count as no request:
//
//	GET  /fake/stats      Stats
//	POST /fake/reset      forgets what is over, and answers the Stats before
//	GET  /fake/behaviour  Behaviour
//	PUT  /fake/behaviour  sets it, whole: a member that is missing is its default
func (s *service) control(c *conn, h head, body []byte) {
	path := string(h.path)
	switch string(h.method) + " " + path {
	case "GET /health":
		s.answer(c, http.StatusOK, "{}", false)
	case "GET /v1/models", "GET /models":
		s.answer(c, http.StatusOK, s.models(), false)
	case "GET /fake/stats":
		s.answerJSON(c, s.current())
	case "POST /fake/reset":
		s.answerJSON(c, s.current())
		s.reset()
	case "GET /fake/behaviour":
		s.answerJSON(c, s.cfg.Behaviour)
	case "PUT /fake/behaviour":
		var b Behaviour
		err := json.Unmarshal(body, &b)
		if err == nil {
			b = b.withDefaults()
			err = b.check()
		}
		if err != nil {
			s.refuse(c, http.StatusBadRequest, err.Error(), false)
			return
		}
		s.cfg.Behaviour = b
		s.answerJSON(c, b)
	default:
		s.refuse(c, http.StatusNotFound, "there is no "+path, false)
	}
}

func (s *service) answerJSON(c *conn, v any) {
	b, _ := json.Marshal(v) // numbers alone
	s.answer(c, http.StatusOK, string(b), false)
}

func (s *service) models() string {
	var list []string
	for _, m := range s.cfg.Models {
		b, _ := json.Marshal(map[string]any{ // strings and numbers alone
			"id": m, "object": "model", "created": s.made.created, "owned_by": s.cfg.Name, "max_model_len": 32768,
		})
		list = append(list, string(b))
	}
	return `{"object":"list","data":[` + strings.Join(list, ",") + `]}`
}
