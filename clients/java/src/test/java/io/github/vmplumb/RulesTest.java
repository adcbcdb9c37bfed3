package io.github.vmplumb;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import com.google.protobuf.Message;
import com.google.protobuf.util.JsonFormat;
import io.github.vmplumb.v1.CNIArg;
import io.github.vmplumb.v1.CNIConfiguration;
import io.github.vmplumb.v1.ErrorReason;
import io.github.vmplumb.v1.NetworkInterface;
import io.github.vmplumb.v1.NetworkInterfaces;
import io.github.vmplumb.v1.NetworkSpec;
import io.github.vmplumb.v1.SetupNetworkRequest;
import io.grpc.Metadata;
import io.grpc.Status;
import java.io.IOException;
import java.nio.channels.ClosedChannelException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import java.util.stream.StreamSupport;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.Arguments;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.MethodSource;

/** What needs no agent. Maven runs tests in the project's directory. */
class RulesTest {
  private static final Path VECTORS = Path.of("../../tests/contract_rules/vectors.json");

  static Stream<Arguments> vectors() throws IOException {
    var all = JsonParser.parseString(Files.readString(VECTORS)).getAsJsonArray();
    return StreamSupport.stream(all.spliterator(), false)
        .map(JsonElement::getAsJsonObject)
        .map(one -> Arguments.of(one.get("id").getAsString(), one));
  }

  @ParameterizedTest(name = "{0}")
  @MethodSource("vectors")
  void aRequestViolatesTheseRulesAndNoOther(String id, JsonObject vector) throws Exception {
    Class<?> type = Class.forName("io.github.vmplumb.v1." + vector.get("message").getAsString());
    Message.Builder request = (Message.Builder) type.getMethod("newBuilder").invoke(null);
    JsonFormat.parser().merge(vector.get("json").toString(), request);
    List<Violation> found = Rules.violations(request.build());
    assertEquals(sorted(vector.get("want")), found.stream().map(Violation::rule).sorted().toList());
    if (vector.has("fields")) {
      assertEquals(sorted(vector.get("fields")), found.stream().map(Violation::field).sorted().toList());
    }
    assertTrue(found.stream().noneMatch(one -> one.message().isEmpty()));
  }

  private static List<String> sorted(JsonElement words) {
    return words.getAsJsonArray().asList().stream().map(JsonElement::getAsString).sorted().toList();
  }

  @ParameterizedTest
  @CsvSource({"65536,", "65537,cni_configuration.args_size"})
  void cniArgsHaveABoundInAllWhichCelCannotAddUp(int size, String rule) {
    CNIConfiguration.Builder cni = CNIConfiguration.newBuilder().setNetworkName("n");
    for (int length : new int[] {30000, size - 30000 - "K=;K=".length()}) {
      cni.addArgs(CNIArg.newBuilder().setKey("K").setValue("x".repeat(length)));
    }
    var one = NetworkInterface.newBuilder().setCniConfiguration(cni);
    var spec = NetworkSpec.newBuilder().setNetworkInterfaces(NetworkInterfaces.newBuilder().addInterfaces(one));
    var found = Rules.violations(SetupNetworkRequest.newBuilder().setVmId("vm-1").setSpec(spec).build());
    assertEquals(Stream.ofNullable(rule).toList(), found.stream().map(Violation::rule).toList());
  }

  @Test
  void aStatusWithoutDetailsHasACodeAndNoReason() {
    Metadata trailers = new Metadata();
    var key = Metadata.Key.of("grpc-status-details-bin", Metadata.BINARY_BYTE_MARSHALLER);
    trailers.put(key, "not a status".getBytes(StandardCharsets.UTF_8));
    Status status = Status.UNAVAILABLE.withDescription("it broke");
    for (var bare : List.of(status.asRuntimeException(), status.asRuntimeException(trailers))) {
      VmplumbException error = new VmplumbException(bare);
      assertEquals("UNAVAILABLE: it broke", error.getMessage());
      assertEquals(Status.Code.UNAVAILABLE, error.code);
      assertEquals(ErrorReason.ERROR_REASON_UNSPECIFIED, error.reason);
      assertEquals(List.of("", "", List.of()), List.of(error.reasonName, error.vmId, error.violations));
      assertTrue(error.failure.isEmpty() && error.retryAfter.isEmpty());
      assertTrue(error.unreachable() && error.retryable());
    }
  }

  @Test
  void aConnectionThatBreaksWhileACallIsBegunIsUnreachable() {
    var broken = Status.UNKNOWN.withDescription("channel closed").withCause(new ClosedChannelException());
    assertTrue(new VmplumbException(broken.asRuntimeException()).unreachable());
    assertFalse(new VmplumbException(Status.UNKNOWN.asRuntimeException()).unreachable());
  }

  @Test
  void whatIsWrittenByHandButForTheRulesHasAtMost300Lines() throws IOException {
    long count = 0;
    try (var files = Files.list(Path.of("src/main/java/io/github/vmplumb"))) {
      for (Path file : files.filter(it -> it.toString().endsWith(".java") && !it.endsWith("Rules.java")).toList()) {
        count += Files.readAllLines(file).stream().filter(RulesTest::isCode).count();
      }
    }
    assertTrue(count > 200 && count <= 300, count + " lines");
  }

  /** Neither empty, nor a comment, nor an import. */
  private static boolean isCode(String line) {
    return !line.matches("\\s*|\\s*(//|/\\*|\\*).*|(import|package) .*");
  }

  @Test
  void theReadmeShowsTheProgramThatTheTestsRun() throws IOException {
    String program = Files.readString(Path.of("examples/SetUp.java"));
    String shown = program.substring(program.indexOf('\n') + 1);
    assertFalse(shown.isBlank());
    assertTrue(Files.readString(Path.of("README.md")).contains(shown));
  }
}
