# frozen_string_literal: true

require "test_helper"

class InvoiceTest < Minitest::Test
  def test_that_it_works
    assert true
  end
end
