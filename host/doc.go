// Package host is the HTTP side of InfiniRouter. This page is the life of a
// request; each step names the file to read on.
//
//  0. A connection waits on an event loop (looped.go, package loop) until it has
//     sent something. From there a request runs top to bottom on a worker.
//  1. accept (accept.go): fasthttp calls handle with a request, of which it was
//     given nothing that can be read in two ways (clientconn.go, package wire).
//     It takes a reference to the running generation, which holds until the
//     account.
//     Status and operator's pages are answered here (status.go). admit checks
//     the connection's limits (connections.go), the client's key and the path
//     (handler.go).
//  2. parse (body.go): the body becomes an openai.Document, or a form of which
//     the model is known. Path, model and headers choose the route.
//     Then the gates: limits on what is in flight, and the queue before them
//     (admission.go, package admission).
//  3. rewrite (chain.go, exchange.go): on_request of the route's policies. They
//     see the exchange through the contract in package plugins, edit it in
//     transactions, or answer at once.
//  4. route (handler.go, candidates.go): the model's healthy services are the
//     candidates, on_route scores them, the balancer ranks them.
//  5. forward (send.go, manner.go, package forward): the plan is walked, as the
//     route's manner says, until a reply begins. Steps 4 and 5 are done again for
//     a fallback when nobody serves the model (fallback.go). Where the client is
//     to hear heartbeats meanwhile, heartbeat.go stands between it and these steps.
//     While all services are full the request waits (slots.go).
//  6. reply (deliver.go, stream.go): a reply that is whole passes on_response;
//     one that streams is passed on event by event, through on_event where a
//     policy has it, and written to the client's connection as it is
//     (streamwrite.go). On the loops the handler returns once such a reply has
//     begun, and follow.go goes on with it whenever something comes.
//  7. account (accept.go, finish): metrics, access log, on_done, and the
//     generation's reference is given back.
//
// An error on the way is a fault (fault.go): status, words for the client,
// cause for the log.
//
// A panic in any step ends its request alone (panic.go). Whether the router
// wants requests at all, and how it leaves, is ready.go.
//
// A generation (generation.go) is everything that one router.toml implies. A
// reload (reload.go) builds the next one beside it, swaps one pointer, and the
// last request to leave the old one closes it.
package host
