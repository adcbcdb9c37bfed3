package io.github.vmplumb;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.UncheckedIOException;
import java.net.StandardProtocolFamily;
import java.net.UnixDomainSocketAddress;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.SocketChannel;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.regex.Pattern;

/** The live agent that the tests run beside (tools/clients/live_agent.py), and what orders events around it. */
final class Live {
  static final Retry QUICK = new Retry(6, Duration.ofMillis(5), Duration.ofMillis(20));

  private Live() {}

  /** What the runner says of its surroundings. Throws if it is not there: these tests do not run alone. */
  static String surroundings(String name) {
    String value = System.getenv("VMPLUMB_TEST_" + name);
    if (value == null) {
      throw new IllegalStateException("VMPLUMB_TEST_" + name + " is not set: run by python -m tools.clients");
    }
    return value;
  }

  static Path file(String name) {
    return Path.of(surroundings(name));
  }

  static Agent agent() {
    return agent(unix());
  }

  static Agent agent(String target) {
    return Agent.at(target).retry(QUICK).dial();
  }

  static String unix() {
    return "unix:" + surroundings("UNIX");
  }

  /** Ask for an event by a line, and wait for the answer. */
  static String order(String line) {
    var address = UnixDomainSocketAddress.of(surroundings("CONTROL"));
    try (var channel = SocketChannel.open(StandardProtocolFamily.UNIX)) {
      channel.connect(address);
      channel.write(ByteBuffer.wrap((line + "\n").getBytes(StandardCharsets.UTF_8)));
      var reader = new BufferedReader(new InputStreamReader(Channels.newInputStream(channel), StandardCharsets.UTF_8));
      String answer = reader.readLine();
      if (answer == null || !answer.startsWith("OK")) {
        throw new IllegalStateException(line + ": " + answer);
      }
      return answer.substring(2).strip();
    } catch (IOException broken) {
      throw new UncheckedIOException(broken);
    }
  }

  /** The target of a new relay that breaks connections. */
  static String relay(String settings) {
    return "unix:" + order("RELAY " + settings);
  }

  /** How many connections a relay broke. */
  static int cuts(String target) {
    var seen = Pattern.compile("cuts=(\\d+)").matcher(order("SEEN " + target.substring("unix:".length())));
    return seen.find() ? Integer.parseInt(seen.group(1)) : -1;
  }
}
