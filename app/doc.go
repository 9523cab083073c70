// Package app composes the product. It is the only package that knows all the
// others.
//
// [Run] is the life of the process: start, serve, drain. build in wire.go
// constructs the services, each area in its wire_*.go, and mounts.go lists
// what each serves and does in the background.
//
// This is how a request goes from socket to row and back. The middleware of
// [server.New] gives it an id, finds the client's address and bounds the body.
// The router finds the handler that a primitive mounted. The route's
// [rest.Gate] asks auth, a [rest.Authenticator], who is calling and puts the
// [identity.Principal] into the context. The handler decodes and calls its
// service. The service opens a transaction with [pg.DB.AsOwner] for the
// product's own tables or with [pg.DB.As] for the project's; the record layer
// has [engine.Engine] send one pipelined round trip instead. The handler
// writes the answer, or returns a [fault.Error] for the server to render.
package app
