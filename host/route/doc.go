// Package route decides which configured route a request belongs to, and in
// which order its candidates are tried.
//
// A Table holds the routes of one generation; Match returns the first that fits
// path, model and headers. Each Route owns a Balancer, which ranks candidates:
// policies have scored them, the highest score goes first, and the balancer
// breaks ties. The first candidate takes the exchange; the others, in order,
// are where it goes when that one is full or can't be reached.
//
// Match and Rank run for every request and allocate nothing.
package route
