// Package peer starts what can stand between clients and inference services, so
// that one measurement can compare them: this project's router, nginx, HAProxy,
// Caddy, the shortest proxies that Go libraries make (bench/proxies), and whatever
// already runs at a URL.
//
// Their configurations are in config/. All say the same: connections stay open on
// both sides, nothing is logged, a piece of a stream is passed on as it comes, as
// many workers as CPUs, and, where several services are asked for, a health check
// a second and a time limit of two for a reply. What a program can do in
// addition is left as it comes.
//
// Programs that are not installed are reported by Find, with a reason.
package peer
