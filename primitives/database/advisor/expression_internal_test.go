package advisor

import (
	"slices"
	"strings"
	"testing"
)

func TestOnlyWhatIsAlwaysTrueIsCalledSo(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]bool{
		"true": true, "(true)": true, "((true))": true, "(NOT false)": true,
		"(1 = 1)": true, "('a''b'::text = 'a''b'::text)": true, "(id = id)": true,
		"((user_id = auth.uid()) OR true)": true, "(true AND (1 = 1))": true, "((id > 1) OR (true AND true))": true,
		"": false, "false": false, "(NOT true)": false, "(1 = 2)": false, "(true AND (id > 1))": false,
		"(random() = random())": false, "('true'::text = kind)": false, "(kind = ' OR true'::text)": false,
		"(\"true\" OR (id > 1))": false, "is_public": false, "(a = b)": false, "((((": false, "='": false,
		"(NOT (false OR true))": false, "(x IS TRUE)": false,
	} {
		if got := alwaysTrue(expression); got != want {
			t.Errorf("%s: got %v, want %v", expression, got, want)
		}
	}
}

func TestCallsAreWrappedUnlessTheyAreMadeOnce(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		"(user_id = auth.uid())":                                      "(user_id = (SELECT auth.uid()))",
		"((auth.jwt() ->> 'sub'::text) = owner)":                      "(((SELECT auth.jwt()) ->> 'sub'::text) = owner)",
		"(o = current_setting(concat('a', 'b)'), true))":              "(o = (SELECT current_setting(concat('a', 'b)'), true)))",
		"((a = auth.uid()) OR (b = auth.email()))":                    "((a = (SELECT auth.uid())) OR (b = (SELECT auth.email())))",
		"( SELECT (auth.uid() = t.user_id))":                          "( SELECT ((SELECT auth.uid()) = t.user_id))",
		"(x IN ( SELECT m.x FROM m WHERE (m.u = auth.uid())))":        "(x IN ( SELECT m.x FROM m WHERE (m.u = (SELECT auth.uid()))))",
		"(user_id = ( SELECT auth.uid() AS uid))":                     "",
		"(o = ( SELECT (auth.jwt() ->> 'sub'::text)))":                "",
		"(o = ( SELECT ((auth.uid())::text)::public.mine AS \"Me\"))": "",
		"( SELECT (auth.uid() IS DISTINCT FROM NULL::uuid))":          "",
		"(name = 'auth.uid()'::text)":                                 "",
		"(name = E'\\'auth.uid()'::text)":                             "",
		"(\"auth\".uid() = id)":                                       "",
		"(other.current_setting('x'::text) = id)":                     "",
		"(auth.uid_of(id) = 3)":                                       "",
		"auth.uid(":                                                   "",
		"((((auth.uid()))":                                            "",
	} {
		got, changed := wrapCalls(expression)
		if want == "" {
			want = expression
		}
		if got != want || changed != (got != expression) {
			t.Errorf("%s:\n got %s, changed %v\nwant %s", expression, got, changed, want)
		}
		if again, _ := wrapCalls(got); again != got {
			t.Errorf("%s: wrapped twice: %s", expression, again)
		}
	}
}

func TestColumnsThatNameARowsOwnerAreFound(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string][]column{
		"(user_id = auth.uid())":                                                                {{name: "user_id"}},
		"(( SELECT auth.uid() AS uid) = \"User \"\"Id\"\"\")":                                   {{name: `User "Id"`}},
		"((owner)::text = (auth.jwt() ->> 'sub'::text))":                                        {{name: "owner", cast: true}},
		"((a > 3) AND (b = auth.uid()) AND (b = auth.uid()))":                                   {{name: "b"}},
		"(EXISTS ( SELECT 1 FROM m WHERE ((m.t = t.id) AND (m.u = auth.uid()))))":               {{qualifier: "m", name: "u"}},
		"((user_id > auth.uid()) OR (lower(name) = auth.email()) OR (auth.role() = 'x'::text))": nil,
		"(a = b)": nil, "": nil,
	} {
		if got := ownerColumns(expression); !slices.Equal(got, want) {
			t.Errorf("%s: got %+v, want %+v", expression, got, want)
		}
	}
}

// Policies are written by people and programs: nothing may panic, nor take
// minutes.
func TestHostileExpressionsAreHarmless(t *testing.T) {
	t.Parallel()
	for _, expression := range []string{
		strings.Repeat("(", 30_000) + "auth.uid()" + strings.Repeat(")", 30_000), strings.Repeat(")", 60_000), strings.Repeat("auth.uid() ", 5_000),
		strings.Repeat("(a = auth.uid()) OR ", 3_000) + "true",
		strings.Repeat("( SELECT auth.uid() AS uid, ", 2_000) + strings.Repeat(")", 2_000),
		strings.Repeat("(((((auth.uid()=a)))))", 2_500), strings.Repeat("'", 60_001), strings.Repeat("E'\\", 20_000),
		strings.Repeat("NOT ", 15_000), strings.Repeat("(true OR ", 7_000) + "x" + strings.Repeat(")", 7_000),
		"\xff\xfe(\x00", "current_setting(", "auth.", "\"", "::", "=", strings.Repeat("x", maxExpression+1),
	} {
		alwaysTrue(expression)
		wrapCalls(expression)
		ownerColumns(expression)
	}
}

func FuzzExpressions(f *testing.F) {
	f.Add("((user_id = ( SELECT auth.uid() AS uid)) OR (E'\\'' = current_setting('x'::text, true)))")
	f.Fuzz(func(t *testing.T, expression string) {
		alwaysTrue(expression)
		ownerColumns(expression)
		wrapped, changed := wrapCalls(expression)
		if changed != (wrapped != expression) {
			t.Errorf("got %q, changed %v", wrapped, changed)
		}
	})
}
