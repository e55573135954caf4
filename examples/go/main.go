// Connect a TikTok account, upload a video, publish it and watch it go out; then show what a refusal says.
//
// Usage: main VIDEO   (GATEWAY=host:port, GATEWAY_KEY=…, GATEWAY_LOCATION=locations/…)
package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"time"

	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // so that details can be unpacked
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	pb "socialgateway.dev/go/socialgateway/v1"
)

const piece = 1024 * 1024

var location = os.Getenv("GATEWAY_LOCATION")

// requestID returns a random UUID, which makes a repeated call the same call.
func requestID() string {
	b := make([]byte, 16)
	if _, err := rand.Read(b); err != nil {
		log.Fatal(err)
	}
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

func withKey(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx = metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+os.Getenv("GATEWAY_KEY"))
	return context.WithTimeout(ctx, time.Minute)
}

// connect asks for a connection, waits for the consent, and returns the connected account's name.
func connect(ctx context.Context, conn *grpc.ClientConn) (string, error) {
	connections, accounts := pb.NewConnectionServiceClient(conn), pb.NewAccountServiceClient(conn)
	connection, err := connections.CreateConnection(ctx, &pb.CreateConnectionRequest{
		Parent:     location,
		Connection: &pb.Connection{Provider: "providers/tiktok", GrantKind: pb.GrantKind_GRANT_KIND_USER},
		RequestId:  requestID(),
	})
	if err != nil {
		return "", err
	}
	fmt.Println("open", connection.Authorization.Uri)
	for connection.Status == pb.Connection_PENDING {
		time.Sleep(500 * time.Millisecond)
		if connection, err = connections.GetConnection(ctx, &pb.GetConnectionRequest{Name: connection.Name}); err != nil {
			return "", err
		}
	}
	listed, err := accounts.ListAccounts(ctx, &pb.ListAccountsRequest{Parent: location, Connection: connection.Name})
	if err != nil {
		return "", err
	}
	fmt.Println("connected", listed.Accounts[0].Name)
	return listed.Accounts[0].Name, nil
}

// upload uploads a file; after a broken stream it goes on where the gateway stands. It returns the upload's name.
func upload(ctx context.Context, conn *grpc.ClientConn, path string) (string, error) {
	uploads := pb.NewUploadServiceClient(conn)
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	info, err := file.Stat()
	if err != nil {
		return "", err
	}
	made, err := uploads.CreateUpload(ctx, &pb.CreateUploadRequest{
		Parent:    location,
		Upload:    &pb.Upload{MimeType: "video/mp4", SizeBytes: info.Size()},
		RequestId: requestID(),
	})
	for err == nil && made.State == pb.Upload_OPEN {
		name := made.Name
		made, err = write(ctx, uploads, made, file)
		switch status.Code(err) {
		// OutOfRange, Aborted: bytes of the broken stream arrived after the gateway was asked where it stands, or are arriving.
		case codes.Unavailable, codes.OutOfRange, codes.Aborted:
			time.Sleep(200 * time.Millisecond)
			made, err = uploads.GetUpload(ctx, &pb.GetUploadRequest{Name: name}, grpc.WaitForReady(true))
			fmt.Println("resuming at", made.GetCommittedSize())
		}
	}
	if err != nil {
		return "", err
	}
	fmt.Println("uploaded", made.Name)
	return made.Name, nil
}

// write sends the rest of a file in pieces of 1 MiB; only the first names the upload, the last has finish set.
func write(ctx context.Context, uploads pb.UploadServiceClient, made *pb.Upload, file *os.File) (*pb.Upload, error) {
	stream, err := uploads.WriteUpload(ctx)
	if err != nil {
		return nil, err
	}
	data := make([]byte, piece)
	for name, offset := made.Name, made.CommittedSize; offset < made.SizeBytes; name = "" {
		count, err := file.ReadAt(data, offset)
		if err != nil && err != io.EOF {
			return nil, err
		}
		end := offset + int64(count)
		message := &pb.WriteUploadRequest{
			Name: name, WriteOffset: offset, Data: data[:count], Finish: end == made.SizeBytes,
		}
		// io.EOF says that the stream has ended: the reason comes with the answer.
		if err := stream.Send(message); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		offset = end
	}
	return stream.CloseAndRecv()
}

// publish creates a post and follows it until its state is final; a watch that breaks off begins again.
func publish(ctx context.Context, conn *grpc.ClientConn, account, media string) error {
	posts := pb.NewPostServiceClient(conn)
	source := &pb.MediaSource{Source: &pb.MediaSource_Upload{Upload: media}}
	post, err := posts.CreatePost(ctx, &pb.CreatePostRequest{
		Parent: location,
		Post: &pb.Post{
			Account: account,
			Mode:    pb.PostMode_POST_MODE_DIRECT,
			Caption: "Hello from Go",
			Content: &pb.Post_Video{Video: &pb.VideoContent{Source: source}},
			Options: &pb.PostOptions{PrivacyLevel: pb.PrivacyLevel_PRIVACY_LEVEL_ONLY_ME},
		},
		RequestId: requestID(),
	})
	if err == nil {
		fmt.Println("created", post.Name)
	}
	for err == nil && !final(post.State) {
		if post, err = follow(ctx, posts, post); status.Code(err) == codes.Unavailable {
			err = nil
		}
	}
	if err != nil {
		return err
	}
	fmt.Println("post", post.State, post.Error.GetMessage())
	return nil
}

// follow watches a post until the stream ends, and returns the post as it was seen last.
func follow(ctx context.Context, posts pb.PostServiceClient, post *pb.Post) (*pb.Post, error) {
	stream, err := posts.WatchPost(ctx, &pb.WatchPostRequest{Name: post.Name}, grpc.WaitForReady(true))
	if err != nil {
		return post, err
	}
	for {
		change, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return post, nil
		}
		if err != nil {
			return post, err
		}
		if !change.Checkpoint {
			post = change.Post
		}
	}
}

func final(state pb.Post_State) bool {
	switch state {
	case pb.Post_PUBLISHED, pb.Post_AWAITING_CREATOR, pb.Post_FAILED, pb.Post_CANCELLED, pb.Post_INDETERMINATE:
		return true
	}
	return false
}

// refused asks for a post that does not exist, and prints everything that the refusal says.
func refused(ctx context.Context, conn *grpc.ClientConn) {
	_, err := pb.NewPostServiceClient(conn).GetPost(ctx, &pb.GetPostRequest{Name: location + "/posts/missing"})
	refusal := status.Convert(err)
	fmt.Println("refused", refusal.Code(), refusal.Message())
	for _, detail := range refusal.Details() {
		fmt.Printf("detail %T %v\n", detail, detail)
	}
}

func main() {
	conn, err := grpc.Dial(os.Getenv("GATEWAY"), grpc.WithInsecure())
	if err != nil {
		log.Fatal(err)
	}
	defer conn.Close()
	ctx, cancel := withKey(context.Background())
	defer cancel()
	account, err := connect(ctx, conn)
	if err != nil {
		log.Fatal(err)
	}
	media, err := upload(ctx, conn, os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	if err := publish(ctx, conn, account, media); err != nil {
		log.Fatal(err)
	}
	refused(ctx, conn)
}
