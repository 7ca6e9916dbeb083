// Package engine reads what inference engines say of themselves: how many
// requests run and wait there, whoever sent them, and how full the cache of keys
// and values is.
//
// They all speak Prometheus' text format, each with names of its own; aliases.go
// is the one table of those. A page of metrics is some hundred kilobytes, of
// which a handful of lines matters, and it is asked for every second: so Read
// goes through it as it comes, line by line, in the caller's buffer, and
// allocates nothing. What a page says is a stranger's word: it is bounded, and
// what makes no sense is as if it were not there.
package engine
