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
//	Observe     counts requests; failures can eject the service at once
//	Set.Release the last set to let go stops the prober and closes idle connections
//
// A service takes requests when two judges agree. Its checks say whether it is
// up (health.go, and prober.go for the pace). Its requests say whether it works
// (outlier.go, window.go): failures eject it for a time, then it is on trial,
// with one request at a time, and the first answer brings it back (eject.go).
// What of a model's services may be out at once is the fleet's to know
// (fleet.go). Who comes back starts slowly (slowstart.go). Who is to leave gets
// nothing new and is shown until nothing is open there (drain.go).
//
// Lookups on the request path (Set.Serving, Set.Knows, Set.Models) read an index
// that is rebuilt by the first reader after something changed, and allocate
// nothing otherwise.
package service
