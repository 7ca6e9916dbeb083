package service

import (
	"context"
	"encoding/json"
	"net/http"
	"strconv"
	"time"
)

// control serves the service's own controls, for suites in other languages:
//
//	GET  /fake/requests            what Requests returns
//	GET  /fake/stats               what Stats returns
//	GET  /fake/wait?id=&state=     Wait for a request that has "arrived", is
//	                               "waiting" at its gate, "done", or was "left", and
//	                               has sent &events= or more (default 0);
//	                               408 after &seconds= (default 30)
//	POST /fake/step?id=&n=         Step
//	PUT  /fake/faults              SetFaults, the body a Faults as JSON
//
// None of them counts as a request.
func (s *Service) control(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	switch r.Method + " " + r.URL.Path {
	case "GET /fake/requests":
		list := []shown{}
		for _, seen := range s.Requests() {
			list = append(list, shown{seen, string(seen.Body)})
		}
		writeJSON(w, http.StatusOK, list)
	case "GET /fake/stats":
		writeJSON(w, http.StatusOK, s.Stats())
	case "GET /fake/wait":
		s.controlWait(w, r)
	case "POST /fake/step":
		n, err := strconv.Atoi(q.Get("n"))
		if err != nil || n < 1 {
			n = 1
		}
		s.Step(q.Get("id"), n)
		writeJSON(w, http.StatusOK, map[string]any{"stepped": n})
	case "PUT /fake/faults":
		var f Faults
		if err := json.NewDecoder(r.Body).Decode(&f); err != nil {
			writeJSON(w, http.StatusBadRequest, map[string]any{"error": err.Error()})
			return
		}
		s.SetFaults(f)
		writeJSON(w, http.StatusOK, f)
	default:
		writeJSON(w, http.StatusNotFound, map[string]any{"error": "no such control: " + r.Method + " " + r.URL.Path})
	}
}

// shown is a request as the controls show it.
type shown struct {
	Seen
	Body string `json:"body"`
}

// states are what controlWait can wait for.
var states = map[string]func(Seen) bool{
	"arrived": func(Seen) bool { return true },
	"waiting": func(r Seen) bool { return r.Waiting },
	"done":    func(r Seen) bool { return r.Done },
	"left":    func(r Seen) bool { return r.Left },
}

func (s *Service) controlWait(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	is := states[q.Get("state")]
	if is == nil {
		writeJSON(w, http.StatusBadRequest, map[string]any{"error": "state must be arrived, waiting, done or left"})
		return
	}
	seconds, err := strconv.ParseFloat(q.Get("seconds"), 64)
	if err != nil {
		seconds = 30
	}
	ctx, cancel := context.WithTimeout(r.Context(), time.Duration(seconds*float64(time.Second)))
	defer cancel()
	id := q.Get("id")
	events, err := strconv.Atoi(q.Get("events"))
	if err != nil {
		events = 0
	}
	found, err := s.Wait(ctx, func(r Seen) bool { return r.ID == id && is(r) && r.Events >= events })
	if err != nil {
		writeJSON(w, http.StatusRequestTimeout, map[string]any{"error": "no request " + id + " is " + q.Get("state")})
		return
	}
	writeJSON(w, http.StatusOK, shown{found, string(found.Body)})
}
