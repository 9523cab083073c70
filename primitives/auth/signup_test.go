package auth_test

import (
	"encoding/json"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
)

const invalid = fault.InvalidInput

func TestSignUpOpensASessionForABrowser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.restart(func(d *auth.Deps) { d.PasswordCost = 0 })
	sub := w.bus.Subscribe()
	defer sub.Close()
	a := w.do("POST", "/api/auth/users", map[string]any{
		"email": "Ada@Example.co", "password": password, "name": "  Ada  ",
		"id": "11111111-1111-1111-1111-111111111111", "role": "project_admin", "emailVerified": true,
		"email_verified": true, "is_project_admin": true, "metadata": map[string]any{"a": 1}, "autoConfirm": true,
	}, bearer(anonKey)).OK(200)

	if got, want := a.Names(), "accessToken csrfToken requireEmailVerification user"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	user := a.At("user").(map[string]any)
	for _, at := range []string{"createdAt", "updatedAt"} {
		if _, err := time.Parse("2006-01-02T15:04:05.000Z", user[at].(string)); err != nil {
			t.Errorf("%s: %v", at, err)
		}
		delete(user, at)
	}
	if user["id"] == "11111111-1111-1111-1111-111111111111" {
		t.Error("the caller chose the user's id")
	}
	delete(user, "id")
	want := map[string]any{
		"email": "ada@example.co", "emailVerified": false, "providers": []any{"email"},
		"profile": map[string]any{"name": "Ada"}, "metadata": map[string]any{},
	}
	if diff := cmp.Diff(want, user); diff != "" {
		t.Error(diff)
	}
	if got := <-sub.C(); !cmp.Equal(got, events.DataUpdate{Resource: events.Users}) {
		t.Errorf("got event %v, want an update of users", got)
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE password LIKE '$2a$10$%' AND NOT is_project_admin`); n != 1 {
		t.Errorf("got %d users with a bcrypt hash of cost 10, want 1", n)
	}
	if strings.Contains(a.Text, "$2a$") {
		t.Error("the answer shows the password hash")
	}
}

func TestSignUpByClientType(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for clientType, want := range map[string]string{
		"":        "accessToken csrfToken requireEmailVerification user",
		"web":     "accessToken csrfToken requireEmailVerification user",
		"toaster": "accessToken csrfToken requireEmailVerification user",
		"mobile":  "accessToken refreshToken requireEmailVerification user",
		"desktop": "accessToken refreshToken requireEmailVerification user",
		"server":  "accessToken refreshToken requireEmailVerification user",
	} {
		a := w.do("POST", "/api/auth/users?client_type="+clientType,
			map[string]any{"email": "c" + clientType + "@b.co", "password": password}, bearer(anonKey)).OK(200)
		if got := a.Names(); got != want {
			t.Errorf("%q: got keys %s, want %s", clientType, got, want)
		}
		if hasCookie, inBody := a.Cookie(userCookie) != nil, strings.Contains(want, "refreshToken"); hasCookie == inBody {
			t.Errorf("%q: got cookie %t and token in the body %t, want exactly one", clientType, hasCookie, inBody)
		}
	}
}

func TestSignUpNeedsACredential(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	body := map[string]any{"email": "a@b.co", "password": password}
	w.do("POST", "/api/auth/users", body).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	w.do("POST", "/api/auth/users", body, bearer("anon_wrong")).Refused(401, fault.AuthInvalidCredentials, "Invalid anon key")
	w.do("POST", "/api/auth/users", body, bearer("ik_wrong")).Refused(401, fault.AuthInvalidAPIKey, "Invalid API key")
	w.do("POST", "/api/auth/users", body, with{"x-api-key", "wrong"}, bearer(anonKey)).Refused(401, fault.AuthInvalidAPIKey, "Invalid API key")
	w.do("POST", "/api/auth/users", body, bearer("a.b.c")).Refused(401, fault.AuthUnauthorized, "Invalid token")
	w.do("POST", "/api/auth/users", body, with{"Authorization", "bearer " + anonKey}).Refused(401, fault.AuthInvalidCredentials, "No token provided")
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 0 {
		t.Errorf("got %d users, want 0", n)
	}
}

func TestSignUpByAnAdministratorOpensNoSession(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	a := w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password, "autoConfirm": true}, with{"x-api-key", apiKey}).OK(200)
	if got, want := a.Names(), "accessToken requireEmailVerification user"; got != want {
		t.Errorf("got keys %s, want %s", got, want)
	}
	if a.Cookie(userCookie) != nil {
		t.Error("the administrator got the user's cookie")
	}
	if a.At("user", "emailVerified") != true {
		t.Error("autoConfirm of an administrator did not verify the address")
	}
	w.do("GET", "/api/auth/sessions/current", nil, bearer(a.String("accessToken"))).OK(200)
}

func TestSignUpValidation(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, tc := range []struct {
		name, body, message string
	}{
		{"empty body", `{}`, "email: Required, password: Required"},
		{"no body", ``, "email: Required, password: Required"},
		{"wrong types", `{"email":1,"password":null}`, "email: Expected string, received number, password: Expected string, received null"},
		{"list", `[]`, "Expected object, received array"},
		{"text", `"a"`, ""},
		{"not JSON", `{"email":`, ""},
		{"not UTF-8", "{\"email\":\"a@b.co\",\"password\":\"p\xffssword\"}", "UTF-8"},
		{"space before the address", `{"email":" a@b.co","password":"hunter22"}`, "email: Invalid email"},
		{"space after the address", `{"email":"a@b.co ","password":"hunter22"}`, "email: Invalid email"},
		{"no top-level domain", `{"email":"a@localhost","password":"hunter22"}`, "email: Invalid email"},
		{"letters beyond ASCII", `{"email":"ä@b.co","password":"hunter22"}`, "email: Invalid email"},
		{"double dots", `{"email":"a..b@c.co","password":"hunter22"}`, "email: Invalid email"},
		{"NUL in the address", `{"email":"a\u0000@b.co","password":"hunter22"}`, "email: Invalid email"},
		{"line break in the address", `{"email":"a@b.co\nBcc: x@y.zz","password":"hunter22"}`, "email: Invalid email"},
		{"endless address", `{"email":"` + strings.Repeat("a", 100_000) + `@b.co","password":"hunter22"}`, "email: Invalid email"},
		{"NUL in the password", `{"email":"a@b.co","password":"hunter\u000022"}`, "password: String must not contain NUL"},
		{"short password", `{"email":"a@b.co","password":"12345"}`, "Password must contain at least 6 characters long"},
		{"blank name", `{"email":"a@b.co","password":"hunter22","name":"  "}`, "name: String must contain at least 1 character(s)"},
		{"long name", `{"email":"a@b.co","password":"hunter22","name":"` + strings.Repeat("n", 101) + `"}`, "name: String must contain at most 100 character(s)"},
		{"NUL in the name", `{"email":"a@b.co","password":"hunter22","name":"a\u0000"}`, "name: String must not contain NUL"},
		{"name is an object", `{"email":"a@b.co","password":"hunter22","name":{}}`, "name: Expected string, received object"},
		{"redirect is no URL", `{"email":"a@b.co","password":"hunter22","redirectTo":"here"}`, "redirectTo: Invalid url"},
		{"autoConfirm is text", `{"email":"a@b.co","password":"hunter22","autoConfirm":"yes"}`, "autoConfirm: Expected boolean, received string"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			w.do("POST", "/api/auth/users", tc.body, bearer(anonKey), with{"Content-Type", "application/json"}).Refused(400, invalid, tc.message)
		})
	}
	huge := `{"email":"a@b.co","password":"` + strings.Repeat("x", 2<<20) + `"}`
	w.do("POST", "/api/auth/users", huge, bearer(anonKey)).Refused(413, invalid, "too large")
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 0 {
		t.Errorf("got %d users, want 0", n)
	}
}

func TestSignUpAcceptsOddButGoodInput(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for email, pw := range map[string]string{
		"o'neil+tag@sub.example-host.museum": "пароль с пробелами",
		"b@b.co":                             strings.Repeat("long ", 1000),
		"c@b.co":                             "🙂🙂🙂", // six UTF-16 code units
		"d@b.co":                             `"'; DROP TABLE auth.users; --`,
	} {
		body := map[string]any{"email": email, "password": pw, "name": "Ω🙂'\"", "redirectTo": "myapp://auth/callback"}
		w.do("POST", "/api/auth/users", body, bearer(anonKey)).OK(200)
		w.do("POST", "/api/auth/sessions", map[string]any{"email": strings.ToUpper(email), "password": pw}).OK(200)
		w.do("POST", "/api/auth/sessions", map[string]any{"email": email, "password": "x" + pw}).
			Refused(401, fault.AuthUnauthorized, "Invalid credentials")
	}
}

func TestPasswordPolicyNamesAllRequirements(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`INSERT INTO auth.config (password_min_length, require_number, require_lowercase, require_uppercase, require_special_char)
	       VALUES (8, true, true, true, true)`)
	for pw, ok := range map[string]bool{
		"Abcdef1!":  true,
		"Abcdef1 ":  false, // a space is not a special character
		"Abcdef!!":  false,
		"abcdef1!":  false,
		"ABCDEF1!":  false,
		"Abcde1!":   false,
		`Abcdef1\`:  true,
		"Äbcdef1!x": false, // Ä is not one of A-Z
	} {
		a := w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": pw}, bearer(apiKey))
		if ok {
			a.OK(200)
			w.sql(`DELETE FROM auth.users`)
			continue
		}
		a.Refused(400, invalid, "Password must contain at least 8 characters long, at least one number, at least one lowercase letter, at least one uppercase letter, at least one special character")
	}
}

func TestDuplicateAddressesAreRefusedWhateverTheirCase(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.signUp("a@b.co")
	w.sql(`INSERT INTO auth.users (email) VALUES ('Imported@B.co')`)
	for _, email := range []string{"a@b.co", "A@B.CO", "imported@b.co"} {
		w.do("POST", "/api/auth/users", map[string]any{"email": email, "password": password}, bearer(anonKey)).
			Refused(409, fault.AuthEmailExists, "User already exists")
	}
}

func TestConcurrentSignUpsWithOneAddressMakeOneUser(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	const callers = 8
	statuses := make([]int, callers)
	var group sync.WaitGroup
	for i := range callers {
		group.Go(func() {
			statuses[i] = w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password}, bearer(anonKey)).Status
		})
	}
	group.Wait()
	counts := map[int]int{}
	for _, s := range statuses {
		counts[s]++
	}
	if diff := cmp.Diff(map[int]int{http.StatusOK: 1, http.StatusConflict: callers - 1}, counts); diff != "" {
		t.Error(diff)
	}
}

func TestDisabledSignUpIsForAdministratorsOnly(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	user := w.signUp("a@b.co")
	w.sql(`INSERT INTO auth.config (disable_signup) VALUES (true)`)
	body := map[string]any{"email": "b@b.co", "password": password}
	for _, credential := range []string{anonKey, user.access} {
		w.do("POST", "/api/auth/users", body, bearer(credential)).Refused(403, fault.AuthSignupDisabled, "")
	}
	w.do("POST", "/api/auth/users", body, bearer(w.signInAdmin().access)).OK(200)
}

func TestSignUpWhileAddressesMustBeVerified(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`INSERT INTO auth.config (require_email_verification) VALUES (true)`)
	sub := w.bus.Subscribe()
	defer sub.Close()

	body := map[string]any{"email": "a@b.co", "password": password, "autoConfirm": true}
	a := w.do("POST", "/api/auth/users", body, bearer(anonKey)).
		Refused(500, fault.AuthVerificationEmailDeliveryFailed, "")
	if a.Cookie(userCookie) != nil || strings.Contains(a.Text, "accessToken") {
		t.Error("a session was opened before the address was verified")
	}
	if n := w.count(`SELECT count(*) FROM auth.users WHERE email = 'a@b.co' AND NOT email_verified`); n != 1 {
		t.Errorf("got %d unverified users, want the one who signed up", n)
	}
	select {
	case e := <-sub.C():
		t.Errorf("a failed sign-up announced %v", e)
	default:
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": password}).
		Refused(403, fault.Forbidden, "Email verification required")
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "a@b.co", "password": "wrong"}).
		Refused(401, fault.AuthUnauthorized, "Invalid credentials")

	for confirm, email := range map[bool]string{true: "yes@b.co", false: "no@b.co"} {
		a := w.do("POST", "/api/auth/users", map[string]any{"email": email, "password": password, "autoConfirm": confirm}, bearer(apiKey)).OK(200)
		want := map[string]any{"accessToken": nil, "requireEmailVerification": !confirm}
		if diff := cmp.Diff(want, a.Body); diff != "" {
			t.Error(diff)
		}
	}
	w.do("POST", "/api/auth/sessions", map[string]any{"email": "yes@b.co", "password": password}).OK(200)
}

func TestVerificationByLinkNeedsAnAllowedRedirect(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	w.sql(`INSERT INTO auth.config (require_email_verification, verify_email_method, allowed_redirect_urls)
	       VALUES (true, 'link', '{https://app.example.com/**}')`)
	for redirect, message := range map[string]string{
		"":                         "redirectTo is required",
		"https://evil.example.com": "not an allowed redirect",
	} {
		body := map[string]any{"email": "a@b.co", "password": password}
		if redirect != "" {
			body["redirectTo"] = redirect
		}
		w.do("POST", "/api/auth/users", body, bearer(anonKey)).Refused(400, invalid, message)
	}
	if n := w.count(`SELECT count(*) FROM auth.users`); n != 0 {
		t.Fatalf("got %d users, want 0", n)
	}
	w.do("POST", "/api/auth/users", map[string]any{"email": "a@b.co", "password": password, "redirectTo": "https://app.example.com/welcome"}, bearer(anonKey)).
		Refused(500, fault.AuthVerificationEmailDeliveryFailed, "")
	w.do("POST", "/api/auth/users", map[string]any{"email": "b@b.co", "password": password}, bearer(apiKey)).OK(200)
}

func TestTriggersOnUsersDoNotRunAsTheOwner(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// What a project's administrator may write with SQL.
	w.sql(`SET LOCAL ROLE project_admin;
	       CREATE TABLE public.seen (who text, login text);
	       GRANT INSERT ON public.seen TO PUBLIC;
	       CREATE FUNCTION public.spy() RETURNS trigger LANGUAGE plpgsql AS $$
	       BEGIN
	         INSERT INTO public.seen VALUES (current_user, session_user);
	         RESET ROLE;
	         INSERT INTO public.seen VALUES (current_user, session_user);
	         RETURN NULL;
	       END $$;
	       CREATE TRIGGER spy AFTER INSERT OR UPDATE OR DELETE ON auth.users
	         FOR EACH ROW EXECUTE FUNCTION public.spy()`)
	s := w.signUp("a@b.co")
	w.do("PATCH", "/api/auth/profiles/current", `{"profile":{"a":1}}`, bearer(s.access)).OK(200)
	const mine = `SELECT count(*) FROM public.seen WHERE login = 'insforge_authenticator' AND who IN (login, 'project_admin')`
	if n, all := w.count(mine), w.count(`SELECT count(*) FROM public.seen`); n != 4 || all != 4 {
		t.Errorf("got %d of %d runs of the trigger without the owner's rights, want 4 of 4", n, all)
	}
}

func TestAnswersAreJSONObjectsThatDecode(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	s := w.signUp("a@b.co")
	w.sql(`UPDATE auth.users SET profile = NULL, metadata = NULL`)
	a := w.do("GET", "/api/auth/sessions/current", nil, bearer(s.access)).OK(200)
	var got struct {
		User struct{ Profile, Metadata json.RawMessage }
	}
	if err := json.Unmarshal([]byte(a.Text), &got); err != nil {
		t.Fatal(err)
	}
	if string(got.User.Profile) != "null" || string(got.User.Metadata) != "{}" {
		t.Errorf("got profile %s, metadata %s, want null and {}", got.User.Profile, got.User.Metadata)
	}
}
