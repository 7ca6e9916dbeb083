// Package selfcheck puts the load generator to a service without a router
// between them, and finds out whether it can be trusted on this machine: it
// must find again what the service was told to do wrong, count what the service
// counts, and tell what both of them cost.
//
// The cost of the fake service is told beside that of a raw responder: the same
// loop, which reads and writes constant bytes and looks at nothing. What a
// service costs above it is its HTTP, JSON and numbering.
package selfcheck
