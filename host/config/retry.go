package config

import (
	"fmt"
	"slices"
	"time"
)

// Retry is [routes.retry]: when and how one of the route's Retries is made.
type Retry struct {
	OnStatus      []int // of a reply that is tried again after
	DuplicateWork bool  // a request that was sent may be sent again
	BudgetPercent int   // of the route's requests in ten seconds, ...
	BudgetFloor   int   // ... or this many
	Backoff       time.Duration
	MaxBackoff    time.Duration
	MaxWait       time.Duration // the longest Retry-After that is waited for
}

func retrySchema(r *Retry) []key {
	return []key{
		statuses("on_status", &r.OnStatus, []int{502, 503, 529, 429}, "Statuses of a reply after which another try is made."),
		boolean("duplicate_work", &r.DuplicateWork, false, "Try again also what a service was sent and did not answer."),
		integer("budget_percent", &r.BudgetPercent, 20, span{0, 1000}, "Retries, in percent of the requests of the last ten seconds."),
		integer("budget_floor", &r.BudgetFloor, 10, span{0, maxCount}, "Retries in ten seconds that are always allowed."),
		duration("backoff", &r.Backoff, 25*time.Millisecond, 0, "The first pause before a service is tried again is up to this, each further one up to twice as much."),
		duration("max_backoff", &r.MaxBackoff, time.Second, 0, "The longest pause."),
		duration("max_wait", &r.MaxWait, 2*time.Second, 0, "The longest Retry-After of a service that is waited for."),
	}
}

// statuses is an array of HTTP statuses of errors without repetition.
func statuses(name string, field *[]int, initial []int, doc string) key {
	return key{
		name: name, doc: doc, kind: "an array of integers", initial: spellNumbers(initial),
		reset: func() { *field = slices.Clone(initial) },
		read: func(r *reader, p place, v any) {
			items, ok := v.([]any)
			if !ok {
				r.fail(p, "must be an array of integers, not %s", kindOf(v))
				return
			}
			*field = make([]int, 0, len(items))
			for i, item := range items {
				n, ok := item.(int64)
				switch {
				case !ok:
					r.fail(p.item(i), "must hold integers, not %s", kindOf(item))
				case n < 400 || n > 599:
					r.fail(p.item(i), "%d is no status of an error: 400 to 599", n)
				case slices.Contains(*field, int(n)):
					r.fail(p.item(i), "%d is listed twice", n)
				}
				*field = append(*field, int(n))
			}
		},
	}
}

func spellNumbers(numbers []int) string {
	text := "["
	for i, n := range numbers {
		if i > 0 {
			text += ", "
		}
		text += fmt.Sprint(n)
	}
	return text + "]"
}
