// Package process runs the programs that a measurement is about, and reads what
// they use: CPU time, memory and file descriptors, of a process and all its
// descendants, since some servers do their work in children.
//
// A program runs in a process group of its own, on the CPUs that it is given.
// Nothing outlives the measurement: Stop ends the whole group, and when the
// caller itself dies, however it dies, the kernel ends what it started.
//
// Accounting and CPU affinity need Linux. Elsewhere programs are started and
// stopped all the same, and Measure says that it cannot.
package process
