// Package app composes the product: it is the only place that knows every
// package.
//
// A request from socket to row and back: server.New's middleware gives it an
// id and an address and bounds its body; the router finds the handler that a
// primitive mounted; the route's gate (kernel/rest) asks auth who is calling
// and puts the Principal into the context; the handler decodes and calls its
// service; the service opens a transaction (kernel/pg) as the owner for the
// product's own tables or as the caller for the project's, or the query
// engine sends one pipelined round trip; the handler writes the answer, or
// returns an error that server's envelope renders.
//
// App.Run is the life of the process from start to drain. Everything below is
// built in wire.go and mounted in mounts.go.
package app
