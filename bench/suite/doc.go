// Package suite runs scenarios: it starts a fake service and the targets, puts
// the load on them in turn, and gathers what it cost into a report.
//
// A scenario's cases are run one after another. In a case every round measures
// every target once, beginning with another one each time, so that whatever else
// the machine does in a while meets them all. Where the CPUs allow it, targets
// have CPUs that nothing else of the suite uses, all the same ones; the generator
// and the service share the rest.
//
// Everything that Run starts has ended when it returns, also when its context is
// cancelled; see package process for what happens when the suite itself dies.
package suite
