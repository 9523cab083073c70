package request

import "net/http"

// maxKeyBytes bounds how much of a request a Key may hold.
const maxKeyBytes = 4 << 10

// Key identifies everything that Parse reads, except its Options: requests with
// the same Key are parsed to the same Request.
type Key struct {
	method, query, schema  string
	target                 Target
	accept, prefer, window string
	profile, content       string
}

// KeyOf returns the Key of a request. ok is false where keeping what is made
// from it is not worth the memory: for long queries and for repeated headers.
func KeyOf(method, rawQuery string, h http.Header, t Target, schema string) (k Key, ok bool) {
	profile := "Accept-Profile"
	if method != http.MethodGet && method != http.MethodHead {
		profile = "Content-Profile"
	}
	k = Key{method: method, query: rawQuery, schema: schema, target: t}
	size := len(rawQuery) + len(schema) + len(t.Name)
	for _, header := range []struct {
		name string
		to   *string
	}{
		{"Accept", &k.accept}, {"Prefer", &k.prefer}, {"Range", &k.window}, {profile, &k.profile}, {"Content-Type", &k.content},
	} {
		values := h[header.name]
		if len(values) > 1 {
			return Key{}, false
		}
		if len(values) == 1 {
			*header.to = values[0]
			size += len(values[0])
		}
	}
	return k, size <= maxKeyBytes
}
