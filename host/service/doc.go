// Package service knows the backends: which there are, which of them are well,
// what models they serve, how busy they are, and how to reach them.
//
// A Set is the list of services of one generation and never changes. What must
// outlive a generation, which is a service's health, counters, discovered
// models, slots in use and connection pool, sits in an unexported backend that
// the sets share by reference count. A Service is one generation's view of a
// backend: the backend plus that generation's weight, labels, limits and fixed
// models. So a reload that changes a weight loses nothing, and an exchange
// that started under the old generation keeps seeing the old weight.
//
// The life of a backend:
//
//	NewSet      makes it, or takes it over from the previous set; nothing runs
//	Set.Start   starts its prober, if it has none, and hands it new settings
//	prober      asks health path and models, at once and then every interval
//	Observe     counts requests; a run of failures takes the service out at once
//	Set.Release the last set to let go stops the prober and closes idle connections
//
// Health has one rule: requests and probes can both take a service out, only
// probes bring it back. See health.go for the states and prober.go for the pace.
//
// Lookups on the request path (Set.Serving, Set.Knows, Set.Models) read an index
// that is rebuilt by the first reader after something changed, and allocate
// nothing otherwise.
package service
