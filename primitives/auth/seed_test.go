package auth_test

import (
	"errors"
	"regexp"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/insforge/insforge-go/primitives/auth"
	"github.com/insforge/insforge-go/primitives/auth/credentials"
	"github.com/insforge/insforge-go/primitives/auth/tokens"
	"github.com/insforge/insforge-go/primitives/kernel/events"
	"github.com/insforge/insforge-go/primitives/kernel/fault"
	"github.com/insforge/insforge-go/primitives/kernel/identity"
	"github.com/insforge/insforge-go/primitives/kernel/pg"
	"github.com/insforge/insforge-go/primitives/kernel/rest/resttest"
)

// newService returns a Service that never reaches its database.
func newService(t *testing.T, vault auth.Vault, now func() time.Time) *auth.Service {
	t.Helper()
	s, err := auth.New(auth.Deps{
		DB: &pg.DB{}, Vault: vault, Events: &events.Bus{}, JWTSecret: jwtSecret,
		AdminUsername: adminUsername, AdminPassword: func() string { return adminPassword }, Now: now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestSeedStoresWhatIsMissing(t *testing.T) {
	t.Parallel()
	pair, err := signingKey()
	if err != nil {
		t.Fatal(err)
	}
	keyPair := map[string]string{"JWT_PRIVATE_KEY": pair.PrivatePEM, "JWT_PUBLIC_KEY": pair.PEM, "JWT_KEY_ID": pair.ID}
	for _, tc := range []struct {
		name   string
		stored map[string]string
		seeds  credentials.Seeds
		want   map[string]string // as regular expressions
	}{
		{"generated", nil, credentials.Seeds{},
			map[string]string{"API_KEY": `ik_[0-9a-f]{64}`, "ANON_KEY": `anon_[0-9a-f]{64}`, "JWT_SECRET": jwtSecret}},
		{"from settings", nil, credentials.Seeds{APIKey: " abc ", AnonKey: "anon_def", BaseURL: "http://h", InternalURL: "http://i"},
			map[string]string{"API_KEY": `ik_abc`, "ANON_KEY": `anon_def`, "INSFORGE_BASE_URL": "http://h", "INSFORGE_INTERNAL_URL": "http://i"}},
		{"blank settings", nil, credentials.Seeds{APIKey: " ", AnonKey: "anon_"},
			map[string]string{"API_KEY": `ik_[0-9a-f]{64}`, "ANON_KEY": `anon_[0-9a-f]{64}`}},
		{"stored keys stay", map[string]string{"API_KEY": "ik_old", "ANON_KEY": "anon_old"}, credentials.Seeds{APIKey: "new", AnonKey: "new"},
			map[string]string{"API_KEY": "ik_old", "ANON_KEY": "anon_old"}},
		{"anon token of old is replaced", map[string]string{"ANON_KEY": "eyJ.a.b"}, credentials.Seeds{AnonKey: "new"},
			map[string]string{"ANON_KEY": "anon_new"}},
		{"settings that changed are followed", map[string]string{"JWT_SECRET": "old", "INSFORGE_BASE_URL": "http://old"}, credentials.Seeds{BaseURL: "http://new"},
			map[string]string{"JWT_SECRET": jwtSecret, "INSFORGE_BASE_URL": "http://new"}},
		{"half a key pair is replaced", map[string]string{"JWT_PRIVATE_KEY": "half", "JWT_KEY_ID": "kid_half"}, credentials.Seeds{}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			vault := newVault(tc.stored)
			tc.seeds.SigningKey = signingKey
			s := newService(t, vault, time.Now)
			if err := s.Seed(t.Context(), tc.seeds); err != nil {
				t.Fatal(err)
			}
			for key, form := range tc.want {
				if !regexp.MustCompile(`^` + form + `$`).MatchString(vault.values[key]) {
					t.Errorf("%s: got %q, want %s", key, vault.values[key], form)
				}
			}
			for key, want := range keyPair {
				if vault.values[key] != want {
					t.Errorf("%s: got %q", key, vault.values[key])
				}
			}
			if _, err := s.APIKey(t.Context(), vault.values["API_KEY"]); err != nil {
				t.Errorf("the API key is not accepted: %v", err)
			}
			if _, err := s.AnonKey(t.Context(), vault.values["ANON_KEY"]); err != nil {
				t.Errorf("the anon key is not accepted: %v", err)
			}
		})
	}
}

func TestSeedAgainChangesNothing(t *testing.T) {
	t.Parallel()
	vault := newVault(nil)
	seeds := credentials.Seeds{BaseURL: "http://h", SigningKey: signingKey}
	if err := newService(t, vault, time.Now).Seed(t.Context(), seeds); err != nil {
		t.Fatal(err)
	}
	before := newVault(vault.values).values
	seeds.SigningKey = func() (tokens.KeyPair, error) {
		t.Error("a key pair was generated although one is stored")
		return tokens.KeyPair{}, errors.New("unwanted")
	}
	if err := newService(t, vault, time.Now).Seed(t.Context(), seeds); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, vault.values); diff != "" {
		t.Error("seeding again changed the stored credentials")
	}
}

func TestProcessesThatSeedAtOnceAgree(t *testing.T) {
	t.Parallel()
	vault := newVault(nil)
	var generated atomic.Int32
	seeds := credentials.Seeds{SigningKey: func() (tokens.KeyPair, error) {
		generated.Add(1)
		return signingKey()
	}}
	services := make([]*auth.Service, 4)
	var group sync.WaitGroup
	for i := range services {
		services[i] = newService(t, vault, time.Now)
		group.Go(func() {
			if err := services[i].Seed(t.Context(), seeds); err != nil {
				t.Error(err)
			}
		})
	}
	group.Wait()
	if n := generated.Load(); n != 1 {
		t.Errorf("got %d key pairs, want 1", n)
	}
	for i, s := range services {
		if _, err := s.APIKey(t.Context(), vault.values["API_KEY"]); err != nil {
			t.Errorf("process %d: %v", i, err)
		}
	}
}

func TestSeedFailuresAreReported(t *testing.T) {
	t.Parallel()
	boom := errors.New("no entropy")
	err := newService(t, newVault(nil), time.Now).Seed(t.Context(), credentials.Seeds{
		SigningKey: func() (tokens.KeyPair, error) { return tokens.KeyPair{}, boom },
	})
	if !errors.Is(err, boom) {
		t.Errorf("got %v, want the failure of the generator", err)
	}
	vault := newVault(map[string]string{"JWT_PRIVATE_KEY": "secret text", "JWT_PUBLIC_KEY": "x", "JWT_KEY_ID": "kid_x"})
	err = newService(t, vault, time.Now).Seed(t.Context(), credentials.Seeds{})
	if err == nil || !strings.Contains(err.Error(), "JWT_PRIVATE_KEY") || strings.Contains(err.Error(), "secret text") {
		t.Errorf("got %v, want an error that names the secrets and shows none", err)
	}
}

func TestRotatedKeysAreGoodUntilTheyExpire(t *testing.T) {
	t.Parallel()
	c := resttest.NewClock(time.Unix(1_800_000_000, 0))
	vault := newVault(map[string]string{"API_KEY": "ik_one", "ANON_KEY": "anon_one"})
	s := newService(t, vault, c.Now)
	ctx := t.Context()
	if err := s.Seed(ctx, credentials.Seeds{SigningKey: signingKey}); err != nil {
		t.Fatal(err)
	}
	vault.values["API_KEY_OLD_1800000000000"], vault.values["API_KEY"] = "ik_one", "ik_two"
	vault.values["ANON_KEY_OLD_1800000000000"], vault.values["ANON_KEY"] = "anon_one", "anon_two"
	vault.expires["API_KEY_OLD_1800000000000"] = c.Now().Add(time.Hour)
	vault.expires["ANON_KEY_OLD_1800000000000"] = c.Now().Add(time.Hour)
	if err := s.Reload(ctx); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"one", "two"} {
		if p, err := s.APIKey(ctx, "ik_"+key); err != nil || p.Kind != identity.APIKey {
			t.Errorf("ik_%s: got %v, %v", key, p, err)
		}
		if p, err := s.AnonKey(ctx, "anon_"+key); err != nil || p.Role() != identity.RoleAnon {
			t.Errorf("anon_%s: got %v, %v", key, p, err)
		}
	}
	c.Advance(time.Hour)
	if _, err := s.APIKey(ctx, "ik_one"); !fault.Is(err, fault.AuthInvalidAPIKey) {
		t.Errorf("got %v for an expired API key", err)
	}
	if _, err := s.AnonKey(ctx, "anon_one"); !fault.Is(err, fault.AuthInvalidCredentials) {
		t.Errorf("got %v for an expired anon key", err)
	}
	if _, err := s.APIKey(ctx, "anon_two"); err == nil {
		t.Error("an anon key was accepted as API key")
	}
}

func TestNothingIsAcceptedBeforeSeeding(t *testing.T) {
	t.Parallel()
	s := newService(t, newVault(nil), time.Now)
	for name, check := range map[string]func() error{
		"API key":  func() error { _, err := s.APIKey(t.Context(), ""); return err },
		"anon key": func() error { _, err := s.AnonKey(t.Context(), ""); return err },
		"token":    func() error { _, err := s.AccessToken(t.Context(), thirdParty(`{"sub":"x"}`)); return err },
	} {
		if check() == nil {
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestNewRefusesWhatCannotWork(t *testing.T) {
	t.Parallel()
	good := auth.Deps{
		DB: &pg.DB{}, Vault: newVault(nil), Events: &events.Bus{}, JWTSecret: "s",
		AdminUsername: "a", AdminPassword: func() string { return "p" }, Now: time.Now,
	}
	for name, change := range map[string]func(*auth.Deps){
		"no database":       func(d *auth.Deps) { d.DB = nil },
		"no vault":          func(d *auth.Deps) { d.Vault = nil },
		"no bus":            func(d *auth.Deps) { d.Events = nil },
		"no clock":          func(d *auth.Deps) { d.Now = nil },
		"no JWT secret":     func(d *auth.Deps) { d.JWTSecret = "" },
		"no admin name":     func(d *auth.Deps) { d.AdminUsername = "  " },
		"no admin password": func(d *auth.Deps) { d.AdminPassword = func() string { return "" } },
	} {
		d := good
		change(&d)
		if _, err := auth.New(d); err == nil {
			t.Errorf("%s: got no error", name)
		}
	}
}
