// Package forward carries a request to a service and its reply back.
//
// Send walks a plan of targets. For each it takes a slot, then a connection:
// an idle one of the service's pool that is still sound (idle.go), or a new
// one, dialled where a leaving client can interrupt the wait (connect.go). The
// request is written (request.go, hop.go, write.go), the head of the reply is
// read and checked (head.go), and from then on a Reply owns slot and
// connection (reply.go). Its one Close gives both back.
//
// Three promises shape everything here.
//
// A reply is complete or it is an error. The reader of reply bodies
// (framing.go) says io.EOF only where HTTP says that the body has ended: after
// the final chunk, after the announced length, or at the close of a connection
// whose reply has no other end. A connection that breaks anywhere else is an
// *Error, and so is a reply that can be read in two ways.
//
// A request is sent twice only when nobody can have seen it the first time, or
// when the route allows it. Another target is tried when no connection came
// about, or when not a byte of the request was taken by one. Once a byte was
// written, a broken connection is the answer, 502, unless Retry says otherwise
// (retry.go): after some statuses of a reply, or where work may be done twice.
// Where the route has a hedge, a second service is asked while the first is
// silent (hedge.go). How often is bounded by a budget (budget.go), how soon by a pause (backoff.go),
// and how long anything may take by limits that errors name (limits.go).
//
// A client that leaves takes the service's work with it. A Watch (watch.go)
// sees the hang-up and closes the service's connection, while connecting,
// while waiting for the first byte and while a stream runs. Where loops serve
// the client (package loop) that costs nothing; elsewhere replies that come
// within a few milliseconds never pay for it.
//
// Connections and their pool are fasthttp's HostClient; what is read from and
// written to them is decided here.
package forward
