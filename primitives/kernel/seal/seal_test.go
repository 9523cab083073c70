package seal_test

import (
	"errors"
	"regexp"
	"strings"
	"testing"

	"github.com/insforge/insforge-go/primitives/kernel/seal"
)

func box(t testing.TB, key string) *seal.Box {
	t.Helper()
	b, err := seal.New(key)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestWhatIsSealedOpensWithTheSameKeyOnly(t *testing.T) {
	t.Parallel()
	b := box(t, "key")
	for _, plain := range []string{"", "x", "päss\x00wörd", strings.Repeat("long ", 10_000)} {
		sealed := b.Seal(plain)
		if !regexp.MustCompile(`^[0-9a-f]{32}:[0-9a-f]{32}:([0-9a-f]{2})*$`).MatchString(sealed) {
			t.Errorf("got %.100q, want hex(iv):hex(tag):hex(ciphertext)", sealed)
		}
		if got, err := box(t, "key").Open(sealed); err != nil || got != plain {
			t.Errorf("got %.100q (%v), want %.100q", got, err, plain)
		}
		if got, err := box(t, "other").Open(sealed); !errors.Is(err, seal.ErrOpen) || got != "" {
			t.Errorf("another key: got %.100q (%v), want ErrOpen", got, err)
		}
	}
	if first, second := b.Seal("x"), b.Seal("x"); first == second {
		t.Error("two seals of one value are equal")
	}
}

// The value was sealed by Node's crypto module with aes-256-gcm, a 16-byte IV
// and SHA-256("test-encryption-key") as the key.
func TestAValueSealedByInsForgeOpens(t *testing.T) {
	t.Parallel()
	const sealed = "cd158fe3f487034f001eeedbce60856f:72c0f3a1c7f802cf486eb4282110286f:1e98fc70940ea509663acd4a"
	if got, err := box(t, "test-encryption-key").Open(sealed); err != nil || got != "hello wörld" {
		t.Errorf("got %q (%v), want hello wörld", got, err)
	}
}

func TestAnEmptyKeyIsRefused(t *testing.T) {
	t.Parallel()
	if _, err := seal.New(""); err == nil {
		t.Error("an empty key was accepted")
	}
}

func TestTamperedTextDoesNotOpen(t *testing.T) {
	t.Parallel()
	b := box(t, "key")
	good := b.Seal("secret")
	iv, tag, text := good[:32], good[33:65], good[66:]
	flip := func(s string) string { return string("10"[s[0]&1]) + s[1:] }
	for name, sealed := range map[string]string{
		"another IV":             flip(iv) + ":" + tag + ":" + text,
		"another tag":            iv + ":" + flip(tag) + ":" + text,
		"another text":           iv + ":" + tag + ":" + flip(text),
		"text cut off":           iv + ":" + tag + ":" + text[2:],
		"text left out":          iv + ":" + tag + ":",
		"tag cut off":            iv + ":" + tag[2:] + ":" + text,
		"IV cut off":             iv[2:] + ":" + tag + ":" + text,
		"half a byte":            good[:len(good)-1],
		"two parts":              iv + ":" + tag,
		"four parts":             good + ":",
		"not hex":                "zz" + good[2:],
		"empty":                  "",
		"plain":                  "secret",
		"tag and text exchanged": iv + ":" + text + ":" + tag,
	} {
		if got, err := b.Open(sealed); !errors.Is(err, seal.ErrOpen) || got != "" {
			t.Errorf("%s: got %q (%v), want ErrOpen", name, got, err)
		}
	}
}

func FuzzOpen(f *testing.F) {
	b := box(f, "key")
	f.Add(b.Seal("x"))
	f.Add("::")
	f.Fuzz(func(t *testing.T, sealed string) {
		// A text that opens was sealed with the key: it opens again to the same.
		plain, err := b.Open(sealed)
		if err != nil {
			if !errors.Is(err, seal.ErrOpen) || plain != "" {
				t.Errorf("got %q (%v), want ErrOpen", plain, err)
			}
			return
		}
		if again, err := b.Open(b.Seal(plain)); err != nil || again != plain {
			t.Errorf("got %q (%v), want %q", again, err, plain)
		}
	})
}
