package auth

import (
	"crypto/sha256"
	"sync"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

const (
	// generationSize is how many verified tokens one generation of the cache
	// holds; there are two.
	generationSize = 2048
	// maxCachedToken is the longest token worth remembering: the cache's
	// memory is bounded by it too.
	maxCachedToken = 4 << 10
)

// cache remembers verified tokens by digest. Only tokens that are good get
// in, so a flood of bad ones leaves it alone. When a generation is full the
// one before it is forgotten; a token that is still in use moves on.
type cache struct {
	mu         sync.Mutex
	young, old map[[sha256.Size]byte]verified
}

type verified struct {
	principal identity.Principal
	expires   time.Time // zero for never
}

func newCache() *cache {
	return &cache{young: map[[sha256.Size]byte]verified{}}
}

// get returns the principal of a token that is still valid at now.
func (c *cache) get(digest [sha256.Size]byte, now time.Time) (identity.Principal, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	v, ok := c.young[digest]
	if !ok {
		if v, ok = c.old[digest]; !ok {
			return identity.Principal{}, false
		}
		c.add(digest, v)
	}
	if !v.expires.IsZero() && !now.Before(v.expires) {
		delete(c.young, digest)
		delete(c.old, digest)
		return identity.Principal{}, false
	}
	return v.principal, true
}

func (c *cache) put(digest [sha256.Size]byte, p identity.Principal, expires time.Time) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.add(digest, verified{principal: p, expires: expires})
}

func (c *cache) add(digest [sha256.Size]byte, v verified) {
	if len(c.young) >= generationSize {
		c.old, c.young = c.young, make(map[[sha256.Size]byte]verified, generationSize)
	}
	c.young[digest] = v
}
