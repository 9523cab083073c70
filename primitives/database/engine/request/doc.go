// Package request turns an HTTP request into what the caller said: target,
// select list, filters, order, ranges, preferences, media types and payload,
// in PostgREST's grammar. It is pure: it knows names, never whether they
// exist.
//
// The grammar and the wording of its errors follow PostgREST 12.2, whose
// messages are those of the Parsec library; scanner.go has the rules for
// composing them.
package request
