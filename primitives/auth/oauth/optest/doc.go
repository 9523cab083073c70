// Package optest is for tests of sign-in with other providers. It runs a real
// OpenID provider, and strict fakes of the others: a fake refuses any request
// that differs from the provider's documented interface.
//
// The real one is the package oidc-provider from npm, a certified implementation
// with sign-in pages, in its own process. It was chosen over Go libraries because
// none of those is as strict with clients or has the pages, and because it adds
// nothing to the product's modules; the end-to-end tests need Node.js anyway.
package optest
