package credentials

import (
	"crypto/sha256"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/recent"
)

const (
	// generationSize bounds the verified tokens that are remembered, in two
	// generations.
	generationSize = 2048
	// maxCachedToken is the longest token that is remembered; it bounds the
	// cache's memory too.
	maxCachedToken = 4 << 10
)

// cache remembers verified tokens by digest. Only good tokens get in, so a
// flood of bad ones does not displace them.
type cache struct {
	tokens *recent.Map[[sha256.Size]byte, verified]
}

type verified struct {
	principal identity.Principal
	expires   time.Time // zero for never
}

func newCache() *cache {
	return &cache{recent.New[[sha256.Size]byte, verified](generationSize)}
}

// get returns the principal of a remembered token that is still valid at now.
func (c *cache) get(digest [sha256.Size]byte, now time.Time) (identity.Principal, bool) {
	v, ok := c.tokens.Get(digest)
	if !ok {
		return identity.Principal{}, false
	}
	if !v.expires.IsZero() && !now.Before(v.expires) {
		c.tokens.Delete(digest)
		return identity.Principal{}, false
	}
	return v.principal, true
}

func (c *cache) put(digest [sha256.Size]byte, p identity.Principal, expires time.Time) {
	c.tokens.Put(digest, verified{principal: p, expires: expires})
}
