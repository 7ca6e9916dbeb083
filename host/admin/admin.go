// Package admin is what the router tells of itself: the status pages that any
// client may ask for (health, models, services, stats), and the operator's
// pages (policies, metrics, reload). It holds the shapes and their encoding;
// who may see a page is decided by the caller.
package admin

import (
	"encoding/json"
	"fmt"
	"time"
)

// Service is one service as /services and /stats show it.
type Service struct {
	Name         string
	URL          string
	Healthy      bool
	Models       []string
	Labels       map[string]string
	Weight       int
	InFlight     int64
	Requests     uint64  // each request once
	Errors       uint64  // failures that the service caused
	ResponseTime float64 // seconds, moving average of real requests' time to the first byte
	ErrorRate    float64 // 0 to 1, moving average

	State        string    // "healthy", "unknown", "unhealthy", "ejected", "trial" or "draining"
	Reason       string    // why it is not healthy, "" when there is nothing to say
	Ejections    uint64    // how often its requests took it out
	EjectedUntil time.Time // zero unless it is ejected
	Share        float64   // of its weight: below 1 in a slow start
	Load         *Load     // nil when it says nothing of it
}

// Health is the page /health. Its status is "unhealthy" when there are
// services and none of them is healthy.
func Health(services []Service, now time.Time) (page []byte, healthy bool) {
	n := count(services)
	healthy = n > 0 || len(services) == 0
	status := "healthy"
	if !healthy {
		status = "unhealthy"
	}
	return encode(struct {
		Status    string `json:"status"`
		Router    string `json:"router"`
		Services  string `json:"healthy_services"`
		Timestamp string `json:"timestamp"`
	}{status, "running", fmt.Sprintf("%d/%d", n, len(services)), now.UTC().Format("2006-01-02T15:04:05")}), healthy
}

// State is the page /livez or /readyz.
func State(state string) []byte {
	return encode(struct {
		Status string `json:"status"`
	}{state})
}

func count(services []Service) int {
	n := 0
	for _, s := range services {
		if s.Healthy {
			n++
		}
	}
	return n
}

// Stats is the page /stats.
func Stats(services []Service) []byte {
	type row struct {
		Name         string  `json:"name"`
		Healthy      bool    `json:"healthy"`
		RequestCount uint64  `json:"request_count"`
		ErrorCount   uint64  `json:"error_count"`
		ResponseTime float64 `json:"response_time"`
		ErrorRate    float64 `json:"error_rate"`
		InFlight     int64   `json:"in_flight"`
	}
	rows := make([]row, 0, len(services))
	for _, s := range services {
		rows = append(rows, row{s.Name, s.Healthy, s.Requests, s.Errors, s.ResponseTime, s.ErrorRate, s.InFlight})
	}
	return encode(struct {
		Total    int   `json:"total_services"`
		Healthy  int   `json:"healthy_services"`
		Services []row `json:"services"`
	}{len(rows), count(services), rows})
}

// Reloaded is the answer of a reload: its report, or all that was wrong.
func Reloaded(generation uint64, changed, warnings, unused []string, err error) []byte {
	page := struct {
		OK         bool     `json:"ok"`
		Generation uint64   `json:"generation"`
		Changed    []string `json:"changed"`
		Warnings   []string `json:"warnings,omitempty"`
		Unused     []string `json:"unused,omitempty"`
		Error      string   `json:"error,omitempty"`
	}{err == nil, generation, append([]string{}, changed...), warnings, unused, ""}
	if err != nil {
		page.Error = err.Error()
	}
	return encode(page)
}

// encode cannot fail: the pages hold strings, numbers and lists.
func encode(page any) []byte {
	out, err := json.Marshal(page)
	if err != nil {
		panic(err)
	}
	return out
}
