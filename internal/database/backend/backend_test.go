package backend

import (
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/utils/ptr"
	"sigs.k8s.io/controller-runtime/pkg/client"

	appcatalogv1alpha1 "github.com/matriarchdb/matriarch/api/appcatalog/v1alpha1"
	kubedbv1 "github.com/matriarchdb/matriarch/api/kubedb/v1"
	sharedv1 "github.com/matriarchdb/matriarch/api/shared/v1"
	"github.com/matriarchdb/matriarch/internal/database"
	"github.com/matriarchdb/matriarch/internal/naming"
	"github.com/matriarchdb/matriarch/internal/testenv"
	"github.com/matriarchdb/matriarch/internal/testserver"
)

var env *testenv.Env

func TestMain(m *testing.M) {
	os.Exit(testenv.Main(m, &env, testenv.Options{AddToScheme: []func(*runtime.Scheme) error{appcatalogv1alpha1.AddToScheme, kubedbv1.AddToScheme}}))
}

func create(t *testing.T, objects ...client.Object) {
	t.Helper()
	for _, object := range objects {
		if err := env.Client.Create(t.Context(), object); err != nil {
			t.Fatal(err)
		}
	}
}

func secret(ns, name string, data map[string]string, labels ...string) *corev1.Secret {
	s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name, Labels: map[string]string{}}, StringData: data}
	for i := 0; i+1 < len(labels); i += 2 {
		s.Labels[labels[i]] = labels[i+1]
	}
	return s
}

func login(user, password string) map[string]string {
	return map[string]string{naming.AuthUsername: user, naming.AuthPassword: password}
}

func service(ns, name string) *corev1.Service {
	return &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
		Spec:       corev1.ServiceSpec{Ports: []corev1.ServicePort{{Port: 5432}}},
	}
}

func TestStandbysAreCountedWhereMatriarchRunsTheServer(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	for name, want := range map[string]int32{"ours": 2, "theirs": 0} {
		create(t, secret(ns, name, login("postgres", "pw")), service(ns, name+"-standby"), &appcatalogv1alpha1.AppBinding{
			ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
			Spec: appcatalogv1alpha1.AppBindingSpec{
				Secret: &sharedv1.SecretReference{Kind: "Secret", Name: name},
				ClientConfig: appcatalogv1alpha1.ClientConfig{Service: &appcatalogv1alpha1.ServiceReference{
					Name: name, Port: 5432, Scheme: "postgresql",
				}},
			},
		})
		if want > 0 {
			create(t, &kubedbv1.Postgres{ObjectMeta: metav1.ObjectMeta{Namespace: ns, Name: name},
				Spec: kubedbv1.PostgresSpec{Version: "17", Replicas: ptr.To(want + 1)}})
		}
		server, err := Read(t.Context(), env.Client, types.NamespacedName{Namespace: ns, Name: name}, "spec.postgresRef")
		if err != nil || server.Standbys != want {
			t.Errorf("%s: %d standbys, %v; want %d", name, server.Standbys, err, want)
		}
	}
}

func TestReadFindsTheServerOfAnAppBinding(t *testing.T) {
	t.Parallel()
	ns, other := env.Namespace(t), env.Namespace(t)
	create(t, secret(ns, "auth", login("postgres", "pw")), secret(ns, "odd", map[string]string{"user": "admin", "pass": "pw2"}),
		secret(ns, "more", map[string]string{"pass": "pw3"}), service(ns, "ha-standby"))
	admin := User{Name: "postgres", Password: "pw"}
	auth := &sharedv1.SecretReference{Kind: "Secret", Name: "auth"}
	at := func(s appcatalogv1alpha1.ServiceReference) appcatalogv1alpha1.ClientConfig {
		s.Scheme = "postgresql"
		return appcatalogv1alpha1.ClientConfig{Service: &s}
	}
	url := func(text string) appcatalogv1alpha1.ClientConfig { return appcatalogv1alpha1.ClientConfig{URL: &text} }
	for name, c := range map[string]struct {
		spec appcatalogv1alpha1.AppBindingSpec
		want Server
	}{
		"a service": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, Version: "15.18", ClientConfig: at(appcatalogv1alpha1.ServiceReference{Name: "pg", Port: 5433, Query: "sslmode=disable"})},
			Server{Version: "15.18", Host: "pg." + ns + ".svc", Port: 5433, SSLMode: "disable", Admin: admin},
		},
		"a service with standbys": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, ClientConfig: at(appcatalogv1alpha1.ServiceReference{Name: "ha", Port: 5432})},
			Server{Host: "ha." + ns + ".svc", Port: 5432, StandbyHost: "ha-standby." + ns + ".svc", Admin: admin},
		},
		"a service elsewhere": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, ClientConfig: at(appcatalogv1alpha1.ServiceReference{Namespace: other, Name: "ha", Port: 5432})},
			Server{Host: "ha." + other + ".svc", Port: 5432, Admin: admin},
		},
		"an address in the place of a service": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, ClientConfig: at(appcatalogv1alpha1.ServiceReference{Name: "192.0.2.1", Port: 5432})},
			Server{Host: "192.0.2.1", Port: 5432, Admin: admin},
		},
		"a URL": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, ClientConfig: url("postgresql://db.example.org:6000/app?sslmode=require")},
			Server{Host: "db.example.org", Port: 6000, SSLMode: "require", Admin: admin},
		},
		"a URL without a port": {
			appcatalogv1alpha1.AppBindingSpec{Secret: auth, ClientConfig: url("postgresql://[2001:db8::1]/")},
			Server{Host: "2001:db8::1", Port: 5432, Admin: admin},
		},
		"a Secret with other keys": {
			appcatalogv1alpha1.AppBindingSpec{
				Secret: &sharedv1.SecretReference{Kind: "Secret", Name: "odd"}, ClientConfig: url("postgresql://db"),
				SecretTransforms: []appcatalogv1alpha1.SecretTransform{
					{RenameKey: &appcatalogv1alpha1.RenameKeyTransform{From: "user", To: "username"}},
					{AddKeysFrom: &appcatalogv1alpha1.AddKeysFromTransform{SecretRef: &corev1.LocalObjectReference{Name: "more"}}},
					{RenameKey: &appcatalogv1alpha1.RenameKeyTransform{From: "pass", To: "password"}},
					{RenameKey: &appcatalogv1alpha1.RenameKeyTransform{From: "nothing", To: "username"}},
				},
			},
			Server{Host: "db", Port: 5432, Admin: User{Name: "admin", Password: "pw3"}},
		},
		"keys added and removed": {
			appcatalogv1alpha1.AppBindingSpec{
				Secret: auth, ClientConfig: url("postgresql://db"),
				SecretTransforms: []appcatalogv1alpha1.SecretTransform{
					{RemoveKey: &appcatalogv1alpha1.RemoveKeyTransform{Key: "password"}},
					{AddKey: &appcatalogv1alpha1.AddKeyTransform{Key: "password", StringValue: ptr.To("other")}},
					{AddKey: &appcatalogv1alpha1.AddKeyTransform{Key: "username", Value: []byte("bytes")}},
				},
			},
			Server{Host: "db", Port: 5432, Admin: User{Name: "bytes", Password: "other"}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding := &appcatalogv1alpha1.AppBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "app-"}, Spec: c.spec}
			create(t, binding)
			c.want.Namespace, c.want.Name = ns, binding.Name
			got, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestReadWaitsForWhatIsMissingAndSaysWhat(t *testing.T) {
	t.Parallel()
	ns := env.Namespace(t)
	create(t, secret(ns, "auth", login("postgres", "pw")), secret(ns, "half", login("postgres", "")))
	ref := func(name string) *sharedv1.SecretReference {
		return &sharedv1.SecretReference{Kind: "Secret", Name: name}
	}
	url := func(text string) appcatalogv1alpha1.ClientConfig { return appcatalogv1alpha1.ClientConfig{URL: &text} }
	for name, c := range map[string]struct {
		spec appcatalogv1alpha1.AppBindingSpec
		want string
	}{
		"no Secret named":   {appcatalogv1alpha1.AppBindingSpec{ClientConfig: url("postgresql://db")}, "spec.secret names no Secret"},
		"no such Secret":    {appcatalogv1alpha1.AppBindingSpec{Secret: ref("nowhere"), ClientConfig: url("postgresql://db")}, "Secret " + ns + "/nowhere: not found"},
		"no password":       {appcatalogv1alpha1.AppBindingSpec{Secret: ref("half"), ClientConfig: url("postgresql://db")}, "must both be filled"},
		"neither way":       {appcatalogv1alpha1.AppBindingSpec{Secret: ref("auth"), ClientConfig: appcatalogv1alpha1.ClientConfig{InsecureSkipTLSVerify: true}}, "needs service or url"},
		"no host":           {appcatalogv1alpha1.AppBindingSpec{Secret: ref("auth"), ClientConfig: url("postgresql:///app")}, "needs a host"},
		"no port":           {appcatalogv1alpha1.AppBindingSpec{Secret: ref("auth"), ClientConfig: url("postgresql://db:0")}, "needs a host, and a port"},
		"no URL":            {appcatalogv1alpha1.AppBindingSpec{Secret: ref("auth"), ClientConfig: url("postgresql://u:hidden@db:port")}, "does not parse"},
		"a query like none": {appcatalogv1alpha1.AppBindingSpec{Secret: ref("auth"), ClientConfig: url("postgresql://db?a=%zz")}, "does not parse"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			binding := &appcatalogv1alpha1.AppBinding{ObjectMeta: metav1.ObjectMeta{Namespace: ns, GenerateName: "app-"}, Spec: c.spec}
			create(t, binding)
			_, err := Read(t.Context(), env.Client, client.ObjectKeyFromObject(binding), "spec.postgresRef")
			waitsFor(t, err, c.want)
			if strings.Contains(err.Error(), "hidden") {
				t.Errorf("%v tells a password", err)
			}
		})
	}
	_, err := Read(t.Context(), env.Client, types.NamespacedName{Namespace: ns, Name: "nowhere"}, "spec.postgresRef")
	waitsFor(t, err, "AppBinding "+ns+"/nowhere: not found; create it, or correct spec.postgresRef")
}

func waitsFor(t *testing.T, err error, want string) {
	t.Helper()
	if _, ok := errors.AsType[*database.Waiting](err); !ok || !strings.Contains(err.Error(), want) {
		t.Fatalf("got %v, want to wait for %q", err, want)
	}
}

func TestSyncedUsersAreThoseOfLabelledSecretsOfTheServersNamespace(t *testing.T) {
	t.Parallel()
	ns, other := env.Namespace(t), env.Namespace(t)
	labels := []string{naming.LabelName, naming.NamePostgres, naming.LabelInstance, "pg"}
	create(t,
		secret(ns, "alice", login("alice", "a"), labels...),
		secret(ns, "b-alice-again", login("alice", "later"), labels...),
		secret(ns, "bob", login("bob", "b"), labels...),
		secret(ns, "no-password", login("carol", ""), labels...),
		secret(ns, "something-else", map[string]string{"x": "y"}, labels...),
		secret(ns, "other-instance", login("dave", "d"), naming.LabelName, naming.NamePostgres, naming.LabelInstance, "pg2"),
		secret(ns, "no-name-label", login("erin", "e"), naming.LabelInstance, "pg"),
		secret(other, "other-namespace", login("frank", "f"), labels...),
	)
	got, _, err := SyncedUsers(t.Context(), env.Client, Server{Namespace: ns, Name: "pg"})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"alice": "a", "bob": "b"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestVerifiersAreThoseOfWhoMayLogInNow(t *testing.T) {
	t.Parallel()
	pg := testserver.StartPostgres(t)
	pg.Exec(t, "CREATE ROLE alice LOGIN PASSWORD 'a'", "CREATE ROLE nologin PASSWORD 'a'", "CREATE ROLE bare LOGIN",
		"CREATE ROLE expired LOGIN PASSWORD 'a' VALID UNTIL '2000-01-01'", "CREATE ROLE valid LOGIN PASSWORD 'a' VALID UNTIL 'infinity'",
		"CREATE ROLE unasked LOGIN PASSWORD 'a'")
	server := Server{Host: "127.0.0.1", Port: pg.Port, SSLMode: "disable", Admin: User{Name: "postgres", Password: pg.Password}}
	asked := map[string]string{"postgres": "", "alice": "", "nologin": "", "bare": "", "expired": "", "valid": "", "nobody": ""}
	got, err := Verifiers(t.Context(), server, asked)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"postgres", "alice", "valid"} {
		if !strings.HasPrefix(got[name], "SCRAM-SHA-256$") {
			t.Errorf("%s has %q", name, got[name])
		}
	}
	if len(got) != 3 {
		t.Errorf("got %d users, want 3: %v", len(got), got)
	}
	pg.Exec(t, "ALTER ROLE alice PASSWORD 'b'")
	again, err := Verifiers(t.Context(), server, asked)
	if err != nil || Fingerprint(again) == Fingerprint(got) {
		t.Errorf("a changed password does not show: %v", err)
	}
	server.Admin = User{Name: "alice", Password: "b"}
	if _, err := Verifiers(t.Context(), server, asked); !errors.Is(err, ErrNotAllowed) {
		t.Errorf("got %v, want ErrNotAllowed", err)
	}
	server.Admin.Password = "wrong"
	if _, err := Verifiers(t.Context(), server, asked); err == nil || strings.Contains(err.Error(), "wrong") {
		t.Errorf("got %v, want an error that does not tell the password", err)
	}
}

func TestAFingerprintTellsUsersAndSecretsApart(t *testing.T) {
	t.Parallel()
	seen := map[string]string{}
	for name, users := range map[string]map[string]string{
		"nobody": nil, "one": {"a": "b"}, "other secret": {"a": "c"}, "other name": {"b": "b"}, "two": {"a": "b", "c": "d"}, "mixed up": {"a": "b\n\"c\"=\"d\""},
	} {
		sum := Fingerprint(users)
		if before, taken := seen[sum]; taken {
			t.Errorf("%s and %s have one fingerprint", name, before)
		}
		seen[sum] = name
	}
	if Fingerprint(map[string]string{}) != Fingerprint(nil) {
		t.Error("empty and nil differ")
	}
}

func TestOnlySomeModesDemandTLS(t *testing.T) {
	t.Parallel()
	for mode, want := range map[string]bool{"": false, "disable": false, "allow": false, "prefer": false, "require": true, "verify-ca": true, "verify-full": true} {
		if DemandsTLS(mode) != want {
			t.Errorf("%q: got %v", mode, !want)
		}
	}
}
