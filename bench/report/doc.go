// Package report holds what measurements found and shows it: as JSON with every
// round of every figure, as Markdown tables, and as one HTML file with plots that
// needs nothing else. Compare sets a report against an earlier one.
//
// A figure is the median of its rounds, and ± is the median of the rounds'
// distances from it (MAD): both stand firm when one round met a disturbance.
package report
