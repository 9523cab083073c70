package oauth

import (
	"context"
	"slices"

	"golang.org/x/oauth2"
)

// Name is the name of a provider in paths and in stored links.
type Name string

// The built-in providers.
const (
	Google    Name = "google"
	GitHub    Name = "github"
	Discord   Name = "discord"
	LinkedIn  Name = "linkedin"
	Facebook  Name = "facebook"
	Instagram Name = "instagram"
	TikTok    Name = "tiktok"
	Apple     Name = "apple"
	X         Name = "x"
	Spotify   Name = "spotify"
	Microsoft Name = "microsoft"
)

// Names returns the built-in providers in the order of the interface, including
// those that sign-in does not support yet.
func Names() []Name {
	return []Name{Google, GitHub, Discord, LinkedIn, Facebook, Instagram, TikTok, Apple, X, Spotify, Microsoft}
}

// DefaultScopes are the scopes to request from a built-in provider when its
// configuration names none.
func (n Name) DefaultScopes() []string {
	return slices.Clone(map[Name][]string{
		Google:    {"openid", "email", "profile"},
		GitHub:    {"user:email"},
		Discord:   {"identify", "email"},
		LinkedIn:  {"openid", "profile", "email"},
		Facebook:  {"email", "public_profile"},
		Instagram: {"user_profile", "user_media"},
		TikTok:    {"user.info.basic"},
		Apple:     {"name", "email"},
		X:         {"tweet.read", "users.read"},
		Spotify:   {"user-read-email", "user-read-private"},
		Microsoft: {"User.Read"},
	}[n])
}

// Endpoints are the addresses of a provider.
type Endpoints struct {
	// Authorize is where browsers go, Token where codes are exchanged.
	Authorize, Token string
	// Profile returns the user of an access token; Emails, at GitHub, the
	// addresses of the account.
	Profile, Emails string
	// Issuer is the iss of ID tokens and JWKS the address of their keys; both
	// are empty for a provider that is not used with OpenID Connect.
	Issuer, JWKS string
}

// Provider describes how users sign in with a provider. It is immutable.
type Provider struct {
	Name Name
	// Title is the name to show.
	Title string
	Endpoints

	// authStyle is how the client authenticates at the token endpoint.
	authStyle oauth2.AuthStyle
	// pkce means that the provider accepts a code challenge; nonce that its ID
	// tokens repeat the nonce.
	pkce, nonce bool
	// scopes are requested when the registration names none; empty for the
	// DefaultScopes of the name.
	scopes []string
	// scopeSeparator separates scopes; empty for a space.
	scopeSeparator string
	// params are additional parameters of the authorization request.
	params map[string]string
	// algorithms are accepted for its ID tokens; empty for RS256.
	algorithms []string
	// requiresIssuer means that callbacks always name the issuer (RFC 9207).
	requiresIssuer bool
	// guarded means that its addresses come from a configuration.
	guarded bool
	// secret makes the client secret of a request; nil for the configured one.
	secret func(rp *RelyingParty, p Provider, r Registration) (string, error)
	// read returns who signed in.
	read func(ctx context.Context, s session) (Account, error)
}

// Builtin returns the built-in providers that users can sign in with.
func Builtin() []Provider {
	return []Provider{
		{
			Name: Google, Title: "Google",
			Endpoints: Endpoints{
				Authorize: "https://accounts.google.com/o/oauth2/v2/auth",
				Token:     "https://oauth2.googleapis.com/token",
				Issuer:    "https://accounts.google.com",
				JWKS:      "https://www.googleapis.com/oauth2/v3/certs",
			},
			authStyle: oauth2.AuthStyleInParams, pkce: true, nonce: true,
			params: map[string]string{"access_type": "offline"},
			read:   readIDToken,
		},
		{
			Name: GitHub, Title: "GitHub",
			Endpoints: Endpoints{
				Authorize: "https://github.com/login/oauth/authorize",
				Token:     "https://github.com/login/oauth/access_token",
				Profile:   "https://api.github.com/user",
				Emails:    "https://api.github.com/user/emails",
			},
			authStyle: oauth2.AuthStyleInParams, pkce: true,
			read: readGitHub,
		},
		{
			Name: Discord, Title: "Discord",
			Endpoints: Endpoints{
				Authorize: "https://discord.com/api/oauth2/authorize",
				Token:     "https://discord.com/api/oauth2/token",
				Profile:   "https://discord.com/api/users/@me",
			},
			authStyle: oauth2.AuthStyleInParams, pkce: true,
			read: readDiscord,
		},
		{
			// LinkedIn accepts neither a code challenge from web applications nor
			// a nonce.
			Name: LinkedIn, Title: "LinkedIn",
			Endpoints: Endpoints{
				Authorize: "https://www.linkedin.com/oauth/v2/authorization",
				Token:     "https://www.linkedin.com/oauth/v2/accessToken",
				Issuer:    "https://www.linkedin.com/oauth",
				JWKS:      "https://www.linkedin.com/oauth/openid/jwks",
			},
			authStyle: oauth2.AuthStyleInParams,
			read:      readIDToken,
		},
		{
			Name: Facebook, Title: "Facebook",
			Endpoints: Endpoints{
				Authorize: "https://www.facebook.com/v21.0/dialog/oauth",
				Token:     "https://graph.facebook.com/v21.0/oauth/access_token",
				Profile:   "https://graph.facebook.com/v21.0/me",
			},
			authStyle: oauth2.AuthStyleInParams, scopeSeparator: ",",
			read: readFacebook,
		},
		{
			Name: Apple, Title: "Apple",
			Endpoints: Endpoints{
				Authorize: "https://appleid.apple.com/auth/authorize",
				Token:     "https://appleid.apple.com/auth/token",
				Issuer:    "https://appleid.apple.com",
				JWKS:      "https://appleid.apple.com/auth/keys",
			},
			authStyle: oauth2.AuthStyleInParams, nonce: true,
			params: map[string]string{"response_mode": "form_post"},
			secret: appleSecret,
			read:   readApple,
		},
		{
			Name: X, Title: "X",
			Endpoints: Endpoints{
				Authorize: "https://twitter.com/i/oauth2/authorize",
				Token:     "https://api.twitter.com/2/oauth2/token",
				Profile:   "https://api.twitter.com/2/users/me",
			},
			authStyle: oauth2.AuthStyleInHeader, pkce: true,
			read: readX,
		},
		{
			Name: Microsoft, Title: "Microsoft",
			Endpoints: Endpoints{
				Authorize: "https://login.microsoftonline.com/common/oauth2/v2.0/authorize",
				Token:     "https://login.microsoftonline.com/common/oauth2/v2.0/token",
				Profile:   "https://graph.microsoft.com/v1.0/me",
			},
			authStyle: oauth2.AuthStyleInParams, pkce: true,
			read: readMicrosoft,
		},
	}
}
