package config

import (
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Hedge is [routes.hedge]: when a second service is asked beside one that does
// not begin to reply.
type Hedge struct {
	After         time.Duration // 0: never, or by Percentile
	Percentile    float64       // of the model's recent times to the first byte, 50 to 99.9; 0: none
	BudgetPercent int           // of the route's requests in ten seconds, ...
	BudgetFloor   int           // ... or this many

	after string
}

func hedgeSchema(h *Hedge) []key {
	after := text("after", &h.after, "", `How long the first may take: a time, or a percentile such as "p95" of the model's recent times to the first byte; empty: no second is asked.`, h.parse)
	reset := after.reset
	after.reset = func() {
		reset()
		h.After, h.Percentile = 0, 0
	}
	return []key{
		after,
		integer("budget_percent", &h.BudgetPercent, 5, span{0, 100}, "Second requests, in percent of the requests of the last ten seconds."),
		integer("budget_floor", &h.BudgetFloor, 1, span{0, maxCount}, "Second requests in ten seconds that are always allowed."),
	}
}

func (h *Hedge) parse(s string) error {
	if s == "" {
		return nil
	}
	if digits, ok := strings.CutPrefix(s, "p"); ok {
		p, err := strconv.ParseFloat(digits, 64)
		if err != nil || !(p >= 50 && p <= 99.9) {
			return fmt.Errorf(`%q is no percentile from "p50" to "p99.9"`, s)
		}
		h.Percentile = p
		return nil
	}
	d, err := parseDuration(s, time.Millisecond)
	if err != nil {
		return fmt.Errorf(`%w; or a percentile such as "p95"`, err)
	}
	h.After = d
	return nil
}
