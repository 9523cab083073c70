package oauth

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"strings"
)

// idToken verifies the ID token that came with the access token.
func (s session) idToken(ctx context.Context) (Claims, error) {
	raw, _ := s.token.Extra("id_token").(string)
	if raw == "" {
		return Claims{}, errors.New("the answer contains no ID token")
	}
	want := Expected{Audiences: []string{s.r.ClientID}, AccessToken: s.token.AccessToken, Party: true}
	if s.p.nonce {
		want.Nonce = s.a.Nonce
	}
	return s.rp.IDToken(ctx, s.p, raw, want)
}

// Account returns the account that verified claims describe.
func (c Claims) Account() Account {
	return Account{
		ID: c.Subject, Email: c.Email, EmailVerified: bool(c.EmailVerified),
		Name: c.Name, AvatarURL: c.Picture, Username: c.Username,
	}.tidy()
}

// readIDToken is for providers whose ID token contains everything.
func readIDToken(ctx context.Context, s session) (Account, error) {
	c, err := s.idToken(ctx)
	return c.Account(), err
}

// readApple adds the name, which Apple sends through the browser, and only once.
// The user can change it on the way, which is harmless; the address next to it
// is ignored.
func readApple(ctx context.Context, s session) (Account, error) {
	c, err := s.idToken(ctx)
	if err != nil {
		return Account{}, err
	}
	a := c.Account()
	var user struct {
		Name struct {
			First string `json:"firstName"`
			Last  string `json:"lastName"`
		} `json:"name"`
	}
	if len(s.cb.User) <= maxURLBytes && json.Unmarshal([]byte(s.cb.User), &user) == nil {
		a.Name = strings.TrimSpace(user.Name.First + " " + user.Name.Last)
	}
	return a, nil
}

func readGitHub(ctx context.Context, s session) (Account, error) {
	var user struct {
		ID     json.Number `json:"id"`
		Login  string      `json:"login"`
		Name   string      `json:"name"`
		Avatar string      `json:"avatar_url"`
	}
	if err := s.profile(ctx, s.p.Profile, nil, &user); err != nil {
		return Account{}, err
	}
	var emails []struct {
		Email    string `json:"email"`
		Primary  bool   `json:"primary"`
		Verified bool   `json:"verified"`
	}
	// The address on the profile is only for display; this list is what GitHub
	// has verified. It is refused when the scope was not granted.
	if err := s.profile(ctx, s.p.Emails, nil, &emails); err != nil {
		emails = nil
	}
	a := Account{
		ID: user.ID.String(), Name: user.Name, Username: user.Login, AvatarURL: user.Avatar,
		Placeholders: placeholders(GitHub, user.ID.String(), user.Login),
	}
	for _, e := range emails {
		if e.Primary {
			a.Email, a.EmailVerified = e.Email, e.Verified
		}
	}
	if a.Name == "" {
		a.Name = user.Login
	}
	return a, nil
}

func readDiscord(ctx context.Context, s session) (Account, error) {
	var user struct {
		ID       string `json:"id"`
		Username string `json:"username"`
		Global   string `json:"global_name"`
		Avatar   string `json:"avatar"`
		Email    string `json:"email"`
		Verified bool   `json:"verified"`
	}
	if err := s.profile(ctx, s.p.Profile, nil, &user); err != nil {
		return Account{}, err
	}
	a := Account{
		ID: user.ID, Email: user.Email, EmailVerified: user.Verified, Name: user.Global, Username: user.Username,
		Placeholders: placeholders(Discord, user.ID, ""),
	}
	if a.Name == "" {
		a.Name = user.Username
	}
	if user.Avatar != "" {
		a.AvatarURL = "https://cdn.discordapp.com/avatars/" + url.PathEscape(user.ID) + "/" + url.PathEscape(user.Avatar) + ".png"
	}
	return a, nil
}

// readFacebook takes every address as verified: Facebook returns only confirmed
// ones.
func readFacebook(ctx context.Context, s session) (Account, error) {
	var user struct {
		ID      string `json:"id"`
		Name    string `json:"name"`
		Email   string `json:"email"`
		Picture struct {
			Data struct {
				URL string `json:"url"`
			} `json:"data"`
		} `json:"picture"`
	}
	// The proof shows that the application itself makes the call, and not
	// someone who got hold of the token.
	proof := hmac.New(sha256.New, []byte(s.r.ClientSecret))
	proof.Write([]byte(s.token.AccessToken))
	query := url.Values{
		"fields":          {"id,name,email,picture.type(large)"},
		"appsecret_proof": {hex.EncodeToString(proof.Sum(nil))},
	}
	if err := s.profile(ctx, s.p.Profile, query, &user); err != nil {
		return Account{}, err
	}
	return Account{
		ID: user.ID, Email: user.Email, EmailVerified: true, Name: user.Name, AvatarURL: user.Picture.Data.URL,
		Placeholders: placeholders(Facebook, user.ID, ""),
	}, nil
}

// readMicrosoft vouches for an address only when it is also the name that the
// user signs in with: the organisation has proved to own its domain. The address
// of a profile (mail) is anything that an administrator of any organisation put
// there.
func readMicrosoft(ctx context.Context, s session) (Account, error) {
	var user struct {
		ID        string `json:"id"`
		Name      string `json:"displayName"`
		Mail      string `json:"mail"`
		Principal string `json:"userPrincipalName"`
	}
	if err := s.profile(ctx, s.p.Profile, nil, &user); err != nil {
		return Account{}, err
	}
	email := user.Mail
	// Guests are named after their address elsewhere, with #EXT# in it.
	if email == "" && strings.Contains(user.Principal, "@") && !strings.Contains(user.Principal, "#") {
		email = user.Principal
	}
	return Account{
		ID: user.ID, Email: email, EmailVerified: strings.EqualFold(email, user.Principal), Name: user.Name,
		Placeholders: placeholders(Microsoft, user.ID, ""),
	}, nil
}

func readX(ctx context.Context, s session) (Account, error) {
	var answer struct {
		Data struct {
			ID       string `json:"id"`
			Name     string `json:"name"`
			Username string `json:"username"`
			Avatar   string `json:"profile_image_url"`
		} `json:"data"`
	}
	if err := s.profile(ctx, s.p.Profile, url.Values{"user.fields": {"id,name,username,profile_image_url"}}, &answer); err != nil {
		return Account{}, err
	}
	user := answer.Data
	a := Account{
		ID: user.ID, Name: user.Name, Username: user.Username, AvatarURL: user.Avatar,
		Placeholders: placeholders(X, user.ID, user.Username),
	}
	if a.Name == "" {
		a.Name = user.Username
	}
	return a, nil
}
