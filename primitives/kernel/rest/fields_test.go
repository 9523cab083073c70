package rest_test

import (
	"encoding/json"
	"errors"
	"math"
	"net/http/httptest"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/labstack/echo/v4"

	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/rest"
)

// request returns the context of a request with a JSON body.
func request(body string) rest.Context {
	r := httptest.NewRequest("POST", "/", strings.NewReader(body))
	r.Header.Set("Content-Type", "application/json")
	return echo.New().NewContext(r, httptest.NewRecorder())
}

func fields(t testing.TB, body string) *rest.Fields {
	t.Helper()
	f, err := rest.Body(request(body))
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// messageOf returns the complaints, or "" for none.
func messageOf(t testing.TB, err error) string {
	t.Helper()
	if err == nil {
		return ""
	}
	var f *fault.Error
	if !errors.As(err, &f) || f.Status != 400 || f.Code != fault.InvalidInput || f.NextActions == "" {
		t.Fatalf("got %v, want a 400 INVALID_INPUT that tells what to do", err)
	}
	return f.Message
}

func TestComplaintsHaveTheWordsOfTheContract(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name, body string
		read       func(*rest.Fields)
		want       string
	}{
		{"two required members", `{}`, func(f *rest.Fields) { f.String("email"); f.String("password") }, "email: Required, password: Required"},
		{"a number for a string", `{"a":1}`, func(f *rest.Fields) { f.String("a") }, "a: Expected string, received number"},
		{"null for a string", `{"a":null}`, func(f *rest.Fields) { f.String("a") }, "a: Expected string, received null"},
		{"null for a string that may be absent", `{"a":null}`, func(f *rest.Fields) { f.OptString("a") }, "a: Expected string, received null"},
		{"an array for a string", `{"a":[]}`, func(f *rest.Fields) { f.String("a") }, "a: Expected string, received array"},
		{"an object for a string", `{"a":{}}`, func(f *rest.Fields) { f.String("a") }, "a: Expected string, received object"},
		{"a boolean for a string", `{"a":true}`, func(f *rest.Fields) { f.String("a") }, "a: Expected string, received boolean"},
		{"a string for a boolean", `{"a":"true"}`, func(f *rest.Fields) { f.Bool("a") }, "a: Expected boolean, received string"},
		{"a required boolean", `{}`, func(f *rest.Fields) { f.Bool("a") }, "a: Required"},
		{"a string for a number", `{"a":"1"}`, func(f *rest.Fields) { f.OptInt("a", 0, 9) }, "a: Expected number, received string"},
		{"a number that is too small", `{"a":3}`, func(f *rest.Fields) { f.OptInt("a", 4, 128) }, "a: Number must be greater than or equal to 4"},
		{"a number that is too large", `{"a":129}`, func(f *rest.Fields) { f.OptInt("a", 4, 128) }, "a: Number must be less than or equal to 128"},
		{"a huge number", `{"a":1e300}`, func(f *rest.Fields) { f.OptInt("a", 0, math.MaxInt) }, "a: Number must be less than or equal to 9223372036854775807"},
		{"a fraction", `{"a":4.5}`, func(f *rest.Fields) { f.OptInt("a", 4, 128) }, "a: Expected integer, received float"},
		{"a string that is too long", `{"a":"éé😀"}`, func(f *rest.Fields) { f.String("a", rest.MaxLength(3)) }, "a: String must contain at most 3 character(s)"},
		{"a string that is too short", `{"a":""}`, func(f *rest.Fields) { f.String("a", rest.MinLength(1)) }, "a: String must contain at least 1 character(s)"},
		{"a bad e-mail address", `{"a":"x"}`, func(f *rest.Fields) { f.String("a", rest.Email) }, "a: Invalid email"},
		{"a bad URL", `{"a":"x y"}`, func(f *rest.Fields) { f.String("a", rest.URL) }, "a: Invalid url"},
		{"a bad UUID", `{"a":"x"}`, func(f *rest.Fields) { f.String("a", rest.UUID) }, "a: Invalid uuid"},
		{"a NUL character", `{"a":"x\u0000"}`, func(f *rest.Fields) { f.String("a", rest.NoNUL) }, "a: String must not contain NUL characters"},
		{"spaces alone, trimmed", `{"a":"  "}`, func(f *rest.Fields) { f.String("a", rest.Trimmed(rest.MinLength(1))) }, "a: String must contain at least 1 character(s)"},
		{"an unknown word", `{"a":"x"}`, func(f *rest.Fields) { f.Enum("a", "code", "link") }, "a: Invalid enum value. Expected 'code' | 'link', received 'x'"},
		{"a number for a word", `{"a":1}`, func(f *rest.Fields) { f.Enum("a", "code", "link") }, "a: Expected 'code' | 'link', received number"},
		{"a missing word", `{}`, func(f *rest.Fields) { f.Enum("a", "code") }, "a: Required"},
		{"an unknown tag", `{"a":"x"}`, func(f *rest.Fields) { f.Tag("a", "password", "otp") }, "a: Invalid discriminator value. Expected 'password' | 'otp'"},
		{"a tag of another type", `{"a":1}`, func(f *rest.Fields) { f.Tag("a", "password") }, "a: Invalid discriminator value. Expected 'password'"},
		{"an object for an array", `{"a":{}}`, func(f *rest.Fields) { f.Strings("a") }, "a: Expected array, received object"},
		{"an element of another type", `{"a":["x",2]}`, func(f *rest.Fields) { f.Strings("a") }, "a.1: Expected string, received number"},
		{"too few elements", `{"a":[]}`, func(f *rest.Fields) { f.RequireElements("a", 1) }, "a: Array must contain at least 1 element(s)"},
		{"an array that is absent", `{}`, func(f *rest.Fields) { f.RequireElements("a", 1) }, "a: Required"},
		{"an array for an object", `{"a":[]}`, func(f *rest.Fields) { f.Object("a") }, "a: Expected object, received array"},
		{"a member of a nested object", `{"a":{"b":{"c":1}}}`, func(f *rest.Fields) {
			a, _ := f.Object("a")
			b, _ := a.Object("b")
			b.String("c")
			b.String("d")
		}, "a.b.c: Expected string, received number, a.b.d: Required"},
		{"a member of an element", `{"a":[{"n":"x"},{},3]}`, func(f *rest.Fields) {
			f.Objects("a", func(o *rest.Fields) { o.String("n") })
		}, "a.1.n: Required, a.2: Expected object, received number"},
		{"the root", `{}`, func(f *rest.Fields) { f.Complain("", "no") }, ": no"},
		{"a nested object itself", `{"a":{}}`, func(f *rest.Fields) { a, _ := f.Object("a"); a.Complain("", "no") }, "a: no"},
		{"unknown members are not reported", `{"zzz":1,"a":"x"}`, func(f *rest.Fields) { f.String("a") }, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := fields(t, tt.body)
			tt.read(f)
			if got := messageOf(t, f.Err()); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestMembersAreReadAsTheyWereSent(t *testing.T) {
	t.Parallel()
	f := fields(t, `{"s":" é ","b":false,"n":-3,"e":"link","t":"otp","l":["x","y"],"o":{"k":1},"z":null}`)
	no := false
	three, space := -3, " é "
	if diff := cmp.Diff([]any{" é ", &space, false, &no, &three, "link", "otp", []string{"x", "y"}, json.RawMessage(`{"k":1}`)},
		[]any{f.String("s"), f.OptString("s"), f.Bool("b"), f.OptBool("b"), f.OptInt("n", -9, 9), f.Enum("e", "code", "link"),
			f.Tag("t", "password", "otp"), f.Strings("l"), f.Raw("o")}); diff != "" {
		t.Errorf("-want +got\n%s", diff)
	}
	if f.OptString("x") != nil || f.OptBool("x") != nil || f.OptInt("x", 0, 1) != nil || f.Strings("x") != nil || f.Tag("x") != "" || f.Raw("x") != nil {
		t.Error("an absent member has a value")
	}
	if _, ok := f.Object("x"); ok || f.Has("x") || !f.Has("z") || f.Tag("z", "a") != "" {
		t.Error("presence is reported wrong")
	}
	if err := f.Err(); err != nil {
		t.Errorf("got %v, want no complaint", err)
	}
}

func TestEmailAddressesFollowTheRuleOfTheContract(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"a@b.co", "A.B+c_d-e'f@x-y.Example.COM", "1@2.museum"} {
		if text := rest.Email(good); text != "" {
			t.Errorf("%q: got %q, want it accepted", good, text)
		}
	}
	for _, bad := range []string{"", "a", "a@b", "a@b.c", " a@b.co", "a@b.co ", "a@b.co\n", ".a@b.co", "a.@b.co", "a..b@c.co", "a@b..co",
		"a@.co", "é@b.co", "a@é.co", "a@b.c0", "a b@c.co", "a@b@c.co", "a@b.co\x00", strings.Repeat("a", 321) + "@b.co"} {
		if rest.Email(bad) == "" {
			t.Errorf("%q was accepted", bad)
		}
	}
}

func FuzzFields(f *testing.F) {
	for _, seed := range []string{`{}`, `{"a":1}`, `{"a":"x","b":[1,{"a":null}],"c":{"a":{}}}`, `{"a":1e999}`, `{"a":-0.0}`, `[`, `{"a":"\ud800"}`, `{"":"","a.b":1}`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, body string) {
		in, err := rest.Body(request(body))
		if err != nil {
			messageOf(t, err)
			return
		}
		s := in.String("a", rest.MinLength(1), rest.MaxLength(5), rest.NoNUL)
		n := in.OptInt("a", -3, 3)
		e := in.Enum("b", "x", "y")
		in.Objects("b", func(o *rest.Fields) { o.Bool("a"); o.OptBool("a"); o.Tag("a", "x") })
		in.Strings("b", rest.Email, rest.URL, rest.UUID)
		in.RequireElements("b", 2)
		if c, ok := in.Object("c"); ok {
			c.OptString("a", rest.Trimmed(rest.MinLength(1)))
		}
		if message := messageOf(t, in.Err()); message == "" {
			// A string and a number at once, and a word and an array.
			t.Errorf("%q: no complaint", body)
		} else if !utf8.ValidString(message) {
			t.Errorf("%q: the complaint is not text: %q", body, message)
		}
		if s != "" && (len([]rune(s)) > 5 || strings.ContainsRune(s, 0)) {
			t.Errorf("%q: got string %q", body, s)
		}
		if n != nil && (*n < -3 || *n > 3) {
			t.Errorf("%q: got number %d", body, *n)
		}
		if e != "" && e != "x" && e != "y" {
			t.Errorf("%q: got word %q", body, e)
		}
	})
}
