// Package loop lets one thread look after thousands of sockets: it waits for
// what is ready and for the next time at which something is due, to some
// microseconds, and wakes once for all that is.
//
// Go's own poller costs a wake-up of a goroutine per event, and often of a
// thread. Here an event costs its system calls and little else, which is what a
// load generator and a fake service owe to the router between them, with which
// they share the machine.
//
// On Linux the waiting is done by epoll, on other Unix systems by poll(2), whose
// cost grows with the number of sockets and whose times are whole milliseconds.
package loop
