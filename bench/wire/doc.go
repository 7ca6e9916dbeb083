// Package wire is a corpus of requests and replies as bytes, and what sends
// them through a router.
//
// A case of corpus/requests is what a client sends; behind the router stands a
// service that writes down what it received. A case of corpus/replies is what a
// service answers, and how it breaks off. Each says what must come of it: cases.go
// reads them. requests.go and replies.go run one case; reader.go is a reader of
// HTTP/1.1 that takes nothing that could be read in two ways, by which both sides
// are judged.
//
// The router's own tests run the corpus in CI; cmd runs it against it and other
// proxies and writes the table of README.md.
package wire
