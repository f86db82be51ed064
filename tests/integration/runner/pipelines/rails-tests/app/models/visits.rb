# frozen_string_literal: true

require "socket"
require "uri"

# Counts visits of pages in Redis, by its own protocol.
class Visits
  def initialize(url = ENV.fetch("REDIS_URL"))
    uri = URI(url)
    @socket = TCPSocket.new(uri.host, uri.port)
    call("SELECT", uri.path.delete_prefix("/"))
  end

  def reset
    call("FLUSHDB")
  end

  def count(page)
    call("INCR", "visits:#{page}").to_i
  end

  private

  def call(*words)
    @socket.write("*#{words.size}\r\n", *words.map { |word| "$#{word.bytesize}\r\n#{word}\r\n" })
    answer = @socket.gets.chomp
    raise answer if answer.start_with?("-")

    answer[1..]
  end
end
