package config

import "strings"

// OAuth is one registration at each built-in provider, for the first start to
// set up.
type OAuth struct {
	// AllowPrivateHosts lets custom providers be in a private network.
	AllowPrivateHosts bool

	Google, GitHub, Discord, LinkedIn, Microsoft, X, Apple Registration
}

// Registration is how a provider knows the project; both parts are needed.
type Registration struct {
	ClientID     string
	ClientSecret string
}

// Provider is a built-in provider and the registration there.
type Provider struct {
	Name string
	*Registration
}

// Providers returns the registrations, empty ones too.
func (o *OAuth) Providers() []Provider {
	return []Provider{
		{"google", &o.Google}, {"github", &o.GitHub}, {"discord", &o.Discord}, {"linkedin", &o.LinkedIn},
		{"microsoft", &o.Microsoft}, {"x", &o.X}, {"apple", &o.Apple},
	}
}

func (o *OAuth) settings() []Setting {
	all := []Setting{
		{Name: "OAUTH_ALLOW_PRIVATE_HOSTS", Default: "false", value: yesOrNo(&o.AllowPrivateHosts),
			Description: "let custom sign-in providers be in a private network"},
	}
	for _, p := range o.Providers() {
		prefix := strings.ToUpper(p.Name)
		all = append(all,
			Setting{Name: prefix + "_CLIENT_ID", value: text(&p.ClientID),
				Description: "OAuth client ID; with the secret it sets up sign-in unless the provider is configured already"},
			Setting{Name: prefix + "_CLIENT_SECRET", value: secret(&p.ClientSecret),
				Description: "OAuth client secret"})
	}
	return all
}

// Validate implements node.
func (o *OAuth) Validate() error { return nil }
