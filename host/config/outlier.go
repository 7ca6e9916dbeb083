package config

import "time"

// Outlier is [health.outlier]: when requests that fail take a service out.
type Outlier struct {
	ConsecutiveFailures int     // in a row; 0: a row never does
	ErrorRate           float64 // share of the requests in Window, above 0 to 1; 0: a rate never does
	Window              time.Duration
	MinRequests         int     // in Window, for ErrorRate to count
	MaxEjected          float64 // share of a model's services; 0: none, ever
	BaseEjection        time.Duration
	MaxEjection         time.Duration
}

func outlierSchema(o *Outlier) []key {
	return []key{
		integer("consecutive_failures", &o.ConsecutiveFailures, 3, span{0, maxCount}, "Failed requests in a row that eject a service; 0: never."),
		share("error_rate", &o.ErrorRate, 0.5, "Share of failed requests that ejects it, 0 to 1; 0: never."),
		duration("window", &o.Window, 10*time.Second, 10*time.Millisecond, "The time over which error_rate is taken."),
		integer("min_requests", &o.MinRequests, 20, span{1, maxCount}, "Requests in window below which error_rate says nothing."),
		share("max_ejected", &o.MaxEjected, 0.5, "Largest share of a model's services that may be ejected; 0: none."),
		duration("base_ejection", &o.BaseEjection, 5*time.Second, time.Millisecond, "The first ejection; each further one takes twice as long."),
		duration("max_ejection", &o.MaxEjection, 5*time.Minute, time.Millisecond, "The longest ejection."),
	}
}

// outlier checks what no value alone tells.
func (r *reader) outlier(o *Outlier) {
	if o.BaseEjection > o.MaxEjection {
		r.fail(r.root.field("health").field("outlier").field("base_ejection"), "is over max_ejection, %s", SpellDuration(o.MaxEjection))
	}
}
