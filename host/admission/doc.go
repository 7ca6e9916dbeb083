// Package admission lets requests in: a Gate counts what is in flight under one
// limit, and a Queue holds requests that found a gate shut.
//
// The way in while there is room is one compare-and-swap a gate and a look at an
// atomic, which says that nobody waits.
//
// A request needs everything it asks for at once (the router's gate, its
// route's, its key's, a service's slot) and holds nothing of it while it waits:
// whoever waits for one thing keeps nobody from another. The queue does not know
// what is asked for. It knows who is first: a higher class before a lower one,
// and in a class who came first. Whenever something became free it offers it
// around in that order, and each takes all that it needs or nothing.
package admission
