package admin

import "time"

// serviceRow is one service on the page /services. The first four members are
// what clients rely on.
type serviceRow struct {
	Name    string            `json:"name"`
	URL     string            `json:"url"`
	Healthy bool              `json:"healthy"`
	Models  []string          `json:"models"`
	Weight  int               `json:"weight"`
	Labels  map[string]string `json:"labels,omitempty"`

	State        string  `json:"state"`
	Reason       string  `json:"reason,omitempty"`
	Ejections    uint64  `json:"ejections"`
	EjectedUntil string  `json:"ejected_until,omitempty"`
	Share        float64 `json:"share"`
	InFlight     int64   `json:"in_flight"`
	Load         *Load   `json:"load,omitempty"`
}

// Load is what a service says of its load itself. What it leaves out is nil.
type Load struct {
	Engine   string   `json:"engine"`
	Running  *float64 `json:"running,omitempty"`
	Waiting  *float64 `json:"waiting,omitempty"`
	CacheUse *float64 `json:"cache_use,omitempty"` // 0 to 1
	Age      float64  `json:"age"`                 // seconds
}

// Services is the page /services.
func Services(services []Service) []byte {
	rows := make([]serviceRow, 0, len(services))
	for i := range services {
		rows = append(rows, serviceRowOf(&services[i]))
	}
	return encode(struct {
		Services []serviceRow `json:"services"`
		Total    int          `json:"total"`
	}{rows, len(rows)})
}

func serviceRowOf(s *Service) serviceRow {
	row := serviceRow{
		Name: s.Name, URL: s.URL, Healthy: s.Healthy, Models: s.Models, Weight: s.Weight, Labels: s.Labels,
		State: s.State, Reason: s.Reason, Ejections: s.Ejections, Share: s.Share, InFlight: s.InFlight, Load: s.Load,
	}
	if row.Models == nil {
		row.Models = []string{}
	}
	if !s.EjectedUntil.IsZero() {
		row.EjectedUntil = s.EjectedUntil.UTC().Format(time.RFC3339)
	}
	return row
}
