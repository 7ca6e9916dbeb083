// Package route decides which configured route a request belongs to, and in
// which order its candidates are tried.
//
// A Table holds the routes of one generation; Match returns the first that fits
// path, model and headers. Each Route owns a Balancer, which ranks candidates:
// policies have scored them, the highest score goes first, and the balancer
// breaks ties. The first candidate takes the exchange; the others, in order,
// are where it goes when that one is full or can't be reached.
//
// So scores and balancers combine in one way, whatever the balancer: candidates
// of equal score are a tier, tiers go by score, and a balancer orders each tier
// by itself. A policy that wants to leave the choice to the balancer gives equal
// scores; one that gives each its own has made the choice. Services without a
// free slot are a tier behind all.
//
//	round_robin, random           roundrobin.go, weighted.go
//	least_request, least_load     weighted.go: the less busy of two, by this router's
//	                              requests or by what services say of all
//	session, prefix               affinity.go, rendezvous.go: one place for what has
//	                              a key in common, with a bound on load
//
// All deal by a service's share: its weight, or less in a slow start. Session and
// prefix decide by names alone: every router, and every process after it, sends a
// key to the same service.
//
// Match and Rank run for every request and allocate nothing.
package route
