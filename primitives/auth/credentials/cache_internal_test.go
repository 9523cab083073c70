package credentials

import (
	"crypto/sha256"
	"fmt"
	"testing"
	"time"

	"github.com/insforge/insforge-go/primitives/kernel/identity"
)

func TestCacheIsBoundedAndForgetsExpiredTokens(t *testing.T) {
	t.Parallel()
	now := time.Unix(1_800_000_000, 0)
	c := newCache()
	key := func(i int) [sha256.Size]byte { return sha256.Sum256(fmt.Append(nil, i)) }
	user := identity.NewUser("u", "", nil)
	c.put(key(0), user, now.Add(time.Minute))
	for i := 1; i <= 5*generationSize; i++ {
		c.put(key(i), user, time.Time{})
		if _, ok := c.get(key(0), now); !ok {
			t.Fatalf("a token in use was forgotten after %d others", i)
		}
	}
	if _, ok := c.get(key(1), now); ok {
		t.Error("a token that nobody used was kept")
	}
	if _, ok := c.get(key(0), now.Add(time.Minute)); ok {
		t.Error("an expired token was found")
	}
	if _, ok := c.get(key(5*generationSize), now.AddDate(1, 0, 0)); !ok {
		t.Error("a token that does not expire was forgotten")
	}
}
